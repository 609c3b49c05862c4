//! NumPy's `.npy` format, versions 1 to 3 (NEP 1): a magic, a Python dictionary that says what
//! the array is, its values.
//!
//! The dictionary is read by a scanner for its three fixed keys: a file may hold anything, and a
//! parser of all Python literals would recurse as deep as the file says.

/// An array as read: numbers or texts, with its shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// Values in row-major order.
    pub values: Values,
}

/// The values of an array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    /// Any real dtype, as f64.
    Numbers(Vec<f64>),
    /// `S` or `U` dtype.
    Texts(Vec<String>),
}

const MAGIC: &[u8] = b"\x93NUMPY";

/// An array of one axis.
pub(crate) fn numbers(values: &[f64]) -> Vec<u8> {
    encode(
        "<f8",
        values.len(),
        values.iter().flat_map(|x| x.to_le_bytes()),
    )
}

/// An array of one axis.
pub(crate) fn integers(values: &[u64]) -> Vec<u8> {
    encode(
        "<u8",
        values.len(),
        values.iter().flat_map(|x| x.to_le_bytes()),
    )
}

/// An array of one axis; the longest text sets the width.
pub(crate) fn texts(values: &[&str]) -> Vec<u8> {
    let width = values
        .iter()
        .map(|t| t.chars().count())
        .max()
        .unwrap_or(0)
        .max(1);
    let padded = |text: &&str| {
        let codes = text.chars().map(u32::from).chain(std::iter::repeat(0));
        codes
            .take(width)
            .flat_map(u32::to_le_bytes)
            .collect::<Vec<_>>()
    };
    encode(
        &format!("<U{width}"),
        values.len(),
        values.iter().flat_map(padded),
    )
}

fn encode(dtype: &str, length: usize, values: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut header =
        format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({length},), }}");
    // The values start at a multiple of 64 bytes; 10 bytes come before the header.
    let padding = (64 - (10 + header.len() + 1) % 64) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let mut bytes = Vec::with_capacity(10 + header.len() + 8 * length);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(values);
    bytes
}

/// Reads an array; the error says what is wrong with the bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<Array, String> {
    let (header, data) = split_header(bytes).ok_or("not a NumPy array (or cut short)")?;
    let dtype = field(header, "descr").ok_or("its header has no 'descr'")?;
    let dtype = dtype
        .strip_prefix('\'')
        .and_then(|rest| rest.split('\'').next());
    let dtype = dtype.ok_or("it has structured records; save its fields as plain arrays")?;
    let is_fortran = field(header, "fortran_order").is_some_and(|v| v.starts_with("True"));
    let shape = shape(header).ok_or("its header has no 'shape' that can be read")?;

    let kind = Kind::parse(dtype).ok_or_else(|| {
        format!("its dtype {dtype} is not numbers or text; convert with .astype(float)")
    })?;
    let count = shape
        .iter()
        .try_fold(1usize, |n, &axis| n.checked_mul(axis));
    let size = count.and_then(|n| n.checked_mul(kind.width));
    let (Some(count), Some(size)) = (count, size) else {
        return Err(format!("its shape {shape:?} is too large"));
    };
    if data.len() != size {
        return Err(format!(
            "shape {shape:?} of {dtype} needs {size} bytes, the file has {}",
            data.len()
        ));
    }
    let mut values = kind.read(data, count)?;
    if is_fortran && shape.len() > 1 {
        if shape.len() > 2 {
            return Err("a Fortran-ordered array of more than two axes; save it in C order".into());
        }
        values = transpose(values, shape[0], shape[1]);
    }
    Ok(Array { shape, values })
}

fn split_header(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (version, rest) = rest.split_at_checked(2)?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (usize::try_from(u32::from_le_bytes(*length)).ok()?, rest)
        }
        _ => return None,
    };
    let (header, data) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, data))
}

/// The text after a key of the header's dictionary.
fn field<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn shape(header: &str) -> Option<Vec<usize>> {
    let (inside, _) = field(header, "shape")?.strip_prefix('(')?.split_once(')')?;
    let axes = inside
        .split(',')
        .map(str::trim)
        .filter(|axis| !axis.is_empty());
    axes.map(|axis| axis.parse().ok()).collect()
}

/// A dtype: its letter, its bytes an item, its byte order.
struct Kind {
    letter: char,
    width: usize,
    is_big: bool,
}

impl Kind {
    fn parse(dtype: &str) -> Option<Self> {
        let mut letters = dtype.chars();
        let is_big = match letters.next()? {
            '<' | '|' | '=' => false,
            '>' => true,
            _ => return None,
        };
        let letter = letters.next()?;
        let size: usize = letters.as_str().parse().ok()?;
        let width = match (letter, size) {
            ('f', 4 | 8) | ('i' | 'u', 1 | 2 | 4 | 8) | ('b', 1) | ('S', 1..) => size,
            ('U', 1..) => size.checked_mul(4)?,
            _ => return None,
        };
        Some(Self {
            letter,
            width,
            is_big,
        })
    }

    fn read(&self, data: &[u8], count: usize) -> Result<Values, String> {
        let items = data.chunks_exact(self.width);
        debug_assert_eq!(items.len(), count);
        match self.letter {
            'S' => {
                let text = |item: &[u8]| {
                    let end = item
                        .iter()
                        .rposition(|&b| b != 0)
                        .map_or(0, |last| last + 1);
                    String::from_utf8_lossy(&item[..end]).into_owned()
                };
                Ok(Values::Texts(items.map(text).collect()))
            }
            'U' => {
                let text = |item: &[u8]| {
                    let codes = item.chunks_exact(4).map(|code| self.integer(code) as u32);
                    codes
                        .take_while(|&code| code != 0)
                        .map(|code| char::from_u32(code).ok_or("its text is not Unicode"))
                        .collect::<Result<String, _>>()
                };
                Ok(Values::Texts(items.map(text).collect::<Result<_, _>>()?))
            }
            _ => Ok(Values::Numbers(
                items.map(|item| self.number(item)).collect(),
            )),
        }
    }

    /// The item's bits, zero-extended.
    fn integer(&self, item: &[u8]) -> u64 {
        let fold = |bits: u64, &byte: &u8| (bits << 8) | u64::from(byte);
        if self.is_big {
            item.iter().fold(0, fold)
        } else {
            item.iter().rev().fold(0, fold)
        }
    }

    fn number(&self, item: &[u8]) -> f64 {
        let bits = self.integer(item);
        match (self.letter, self.width) {
            ('f', 4) => f64::from(f32::from_bits(bits as u32)),
            ('f', _) => f64::from_bits(bits),
            ('i', width) => {
                // Shift the sign to the top and back.
                let unused = 64 - 8 * width as u32;
                ((bits << unused) as i64 >> unused) as f64
            }
            _ => bits as f64,
        }
    }
}

/// Column-major to row-major.
fn transpose(values: Values, rows: usize, columns: usize) -> Values {
    fn turned<T: Clone>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
        (0..rows * columns)
            .map(|i| values[(i % columns) * rows + i / columns].clone())
            .collect()
    }
    match values {
        Values::Numbers(v) => Values::Numbers(turned(&v, rows, columns)),
        Values::Texts(v) => Values::Texts(turned(&v, rows, columns)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_round_trip() {
        let values = [1.5, -0.0, f64::INFINITY, 1e-300];
        let array = decode(&numbers(&values)).unwrap();
        assert_eq!(array.shape, [4]);
        assert_eq!(array.values, Values::Numbers(values.to_vec()));
        let array = decode(&texts(&["sir", "", "Österreich"])).unwrap();
        let expected = ["sir", "", "Österreich"].map(String::from).to_vec();
        assert_eq!(array.values, Values::Texts(expected));
        let array = decode(&integers(&[0, 7])).unwrap();
        assert_eq!(array.values, Values::Numbers(vec![0.0, 7.0]));
    }

    fn array(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn byte_orders_widths_and_fortran_order_are_understood() {
        let read = |dtype: &str, fortran: &str, shape: &str, data: &[u8]| {
            let header =
                format!("{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
            decode(&array(&header, data)).unwrap().values
        };
        let numbers = |v: &[f64]| Values::Numbers(v.to_vec());
        assert_eq!(
            read("|i1", "False", "(2,)", &[255, 127]),
            numbers(&[-1.0, 127.0])
        );
        assert_eq!(
            read(">i2", "False", "(1,)", &[0xff, 0xfe]),
            numbers(&[-2.0])
        );
        assert_eq!(read("<u2", "False", "()", &[1, 2]), numbers(&[513.0]));
        assert_eq!(read("|b1", "False", "(1,)", &[1]), numbers(&[1.0]));
        assert_eq!(
            read(">f4", "False", "(1,)", &1.5f32.to_be_bytes()),
            numbers(&[1.5])
        );
        let columns_first = [1, 4, 2, 5, 3, 6];
        assert_eq!(
            read("|u1", "True", "(2, 3)", &columns_first),
            numbers(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        );
        assert_eq!(
            read("|S3", "False", "(1,)", b"ab\0"),
            Values::Texts(vec!["ab".into()])
        );
    }

    #[test]
    fn bad_headers_are_refused() {
        for header in [
            "",
            "{'descr': '<f8', 'shape': (2,), }",
            "{'descr': '<f8', 'shape': (99999999999, 99999999999), }",
            "{'descr': '|O', 'shape': (0,), }",
            "{'descr': [('a', '<f8')], 'shape': (0,), }",
            "{'descr': '<U18446744073709551615', 'shape': (1,), }",
        ] {
            assert!(decode(&array(header, &[0; 8])).is_err(), "{header}");
        }
    }
}
