//! Every key that a mechanism file may hold.

use crate::source::key::{Key, Kind};

const UNIT: Key = Key::new("unit", Kind::Text, "Its unit, shown beside its numbers.");
const DESCRIPTION: Key = Key::new("description", Kind::Text, "What it is, in a sentence.");

/// The file's top keys.
pub const MECHANISM: &[Key] = &[
    Key::new(
        "description",
        Kind::Text,
        "What the mechanism is, in a sentence.",
    ),
    Key::new(
        "method",
        Kind::Choice(&["ode", "ssa", "tau-leaping", "langevin"]),
        "How reactions run: as differential equations (ode, the default), as an exact jump process (ssa), in steps \
         (tau-leaping), or by the chemical Langevin equation (langevin).",
    ),
    Key::new(
        "constants",
        Kind::Named(&Kind::OneOf(&[
            Kind::Expression,
            Kind::List(&[Kind::Number, Kind::List(&[Kind::Number])]),
            Kind::Table(NUMBERS),
        ])),
        "Numbers with a name; an expression may use other constants. A list is a vector, a list of lists a matrix.",
    ),
    Key::new(
        "parameters",
        Kind::Named(&Kind::OneOf(&[Kind::Expression, Kind::Table(PARAMETER)])),
        "Unknowns with a prior, in order: a prior may depend on the parameters before it.",
    ),
    Key::new(
        "latents",
        Kind::Named(&Kind::OneOf(&[Kind::Expression, Kind::Table(LATENT)])),
        "Random numbers that each simulation draws for itself and nobody asks for, in order.",
    ),
    Key::new(
        "space",
        Kind::Named(&Kind::Table(LINE)),
        "Lines cut into equal cells, over which vectors may lie: x[i] is the middle of a cell, dx the spacing.",
    ),
    Key::new(
        "states",
        Kind::Named(&Kind::OneOf(&[Kind::Expression, Kind::Table(STATE)])),
        "What moves, with its value at the start: an expression of constants and parameters.",
    ),
    Key::new(
        "reactions",
        Kind::Tables(REACTION),
        "What can happen, at which rate, and what it changes.",
    ),
    Key::new(
        "dynamics",
        Kind::Named(&Kind::Expression),
        "d state / d time, one expression a state (instead of reactions).",
    ),
    Key::new(
        "noise",
        Kind::Named(&Kind::Expression),
        "Beside [dynamics]: the diffusion of a state, d state = dynamics dt + noise dW (Ito).",
    ),
    Key::new(
        "map",
        Kind::Named(&Kind::Expression),
        "The state one step later, one expression a state (a discrete map).",
    ),
    Key::new(
        "response",
        Kind::Table(RESPONSE),
        "A linear system shaken at one frequency: (stiffness + j (w damping + imaginary) - w^2 mass) y = force.",
    ),
    Key::new(
        "definitions",
        Kind::Named(&Kind::OneOf(&[Kind::Expression, Kind::Table(DEFINITION)])),
        "Names for parts of expressions: of anything, in any order.",
    ),
    Key::new(
        "solver",
        Kind::Table(SOLVER),
        "How differential equations are solved.",
    ),
    Key::new(
        "time",
        Kind::Table(TIME),
        "The calendar behind the time `t`.",
    ),
    Key::new(
        "events",
        Kind::Tables(EVENT),
        "What happens to states and parameters at a moment.",
    ),
    Key::new(
        "derived",
        Kind::Named(&Kind::OneOf(&[Kind::Expression, Kind::Table(DERIVED)])),
        "Quantities worked out from the parameters, as they are at the start.",
    ),
    Key::new(
        "observed",
        Kind::TableAnd(
            OBSERVED,
            &Kind::OneOf(&[Kind::Expression, Kind::Table(SERIES)]),
        ),
        "What is seen: a distribution, or an expression seen exactly, for each series.",
    )
    .needed(),
    Key::new(
        "likelihood",
        Kind::TableAnd(LIKELIHOOD, &Kind::Expression),
        "The log-likelihood of what is observed; other names are parts of it, used in those below.",
    ),
    Key::new(
        "accept",
        Kind::Named(&Kind::Expression),
        "Conditions on parameters and observed numbers: a simulation that breaks one is left out.",
    ),
    Key::new(
        "conserved",
        Kind::Named(&Kind::Expression),
        "What stays the same while the states move: emulators are held against it.",
    ),
    Key::new(
        "forcing",
        Kind::OneOf(&[Kind::Table(FORCING), Kind::Tables(FORCING)]),
        "Measured series that expressions use: interp(t, column).",
    ),
    Key::new(
        "program",
        Kind::Table(PROGRAM),
        "The simulator is a program in any language.",
    ),
];

/// How many entries a vector has.
const SIZE: Key = Key::new(
    "size",
    Kind::Count(1),
    "Makes it a vector of so many entries, x[1], x[2], ...; in its expression, i is the entry's number.",
);

/// Over which line a vector lies.
const OVER: Key = Key::new(
    "over",
    Kind::Text,
    "A line of [space]: makes it a vector with one entry a cell (instead of `size`).",
);

/// A line of space.
pub const LINE: &[Key] = &[
    Key::new("from", Kind::Number, "Where it begins.").needed(),
    Key::new("to", Kind::Number, "Where it ends.").needed(),
    Key::new("cells", Kind::Count(1), "How many equal cells it has.").needed(),
];

/// The ends of a vector state, each on its own.
pub const BOUNDARY: &[Key] = &[
    Key::new(
        "left",
        Kind::Expression,
        "\"zero flux\", or the value at this end.",
    )
    .needed(),
    Key::new(
        "right",
        Kind::Expression,
        "\"zero flux\", or the value at this end.",
    )
    .needed(),
];

/// A vector or a matrix in a file.
pub const NUMBERS: &[Key] = &[Key::new(
    "file",
    Kind::Text,
    "A CSV file with a header, from the mechanism's folder: one row of numbers a row.",
)
.needed()];

/// A definition written as a table.
pub const DEFINITION: &[Key] = &[
    Key::new("value", Kind::Expression, "An expression.").needed(),
    SIZE,
    OVER,
];

/// A parameter written as a table.
pub const PARAMETER: &[Key] = &[
    Key::new(
        "prior",
        Kind::Expression,
        "Its prior distribution, or a fixed number.",
    )
    .needed(),
    SIZE,
    OVER,
    UNIT,
    DESCRIPTION,
];

/// A latent written as a table.
pub const LATENT: &[Key] = &[
    Key::new("distribution", Kind::Expression, "Its distribution.").needed(),
    SIZE,
    OVER,
    UNIT,
    DESCRIPTION,
];

/// The log-likelihood.
pub const LIKELIHOOD: &[Key] = &[
    Key::new(
        "log",
        Kind::Expression,
        "ln p(observed | parameters): an expression of parameters and observed numbers.",
    )
    .needed(),
    Key::new(
        "up_to_constant",
        Kind::Truth,
        "Whether terms are left out that depend on what is observed alone. Default false.",
    ),
];

/// A state written as a table.
pub const STATE: &[Key] = &[
    Key::new("initial", Kind::Expression, "Its value at the start.").needed(),
    SIZE,
    OVER,
    Key::new(
        "boundary",
        Kind::OneOf(&[Kind::Expression, Kind::Table(BOUNDARY)]),
        "What lies beyond the ends of a vector: \"periodic\", \"zero flux\", or the value at the ends.",
    ),
    UNIT,
    DESCRIPTION,
];

/// A derived quantity written as a table.
pub const DERIVED: &[Key] = &[
    Key::new(
        "value",
        Kind::Expression,
        "An expression of constants and parameters.",
    )
    .needed(),
    SIZE,
    OVER,
    UNIT,
    DESCRIPTION,
];

/// A reaction.
pub const REACTION: &[Key] = &[
    Key::new("name", Kind::Text, "Its name, for flow(name).").needed(),
    Key::new(
        "rate",
        Kind::Expression,
        "How often it happens per unit of time.",
    )
    .needed(),
    Key::new(
        "change",
        Kind::Named(&Kind::Number),
        "What it adds to each state it changes.",
    )
    .needed(),
    Key::new(
        "size",
        Kind::Count(1),
        "Makes it so many reactions, name_1, name_2, ...; in its expressions i is the number.",
    ),
    Key::new(
        "bound",
        Kind::Expression,
        "A value that the rate never exceeds between two jumps; for method = \"ssa\" where the rate depends on time.",
    ),
];

/// The solver.
pub const SOLVER: &[Key] = &[
    Key::new(
        "method",
        Kind::Choice(&["auto", "explicit", "stiff"]),
        "auto (the default: explicit, changing to stiff where needed), explicit or stiff.",
    ),
    Key::new(
        "relative_tolerance",
        Kind::Number,
        "Relative error of a step. Default 1e-6.",
    ),
    Key::new(
        "absolute_tolerance",
        Kind::Number,
        "Absolute error of a step. Default 1e-8.",
    ),
    Key::new(
        "most_steps",
        Kind::Count(1),
        "A simulation that needs more steps is a failed row. Default 100 000.",
    ),
    Key::new(
        "step",
        Kind::Number,
        "The step of a noisy system (default: a hundredth of the shortest interval between observations), of a map (default 1), or of reactions in steps.",
    ),
    Key::new(
        "accuracy",
        Kind::Number,
        "Reactions in steps: the share by which a state may change in one. Default 0.03.",
    ),
    Key::new(
        "start",
        Kind::Times,
        "The time of the initial values. Default 0.",
    ),
    Key::new(
        "horizon",
        Kind::Number,
        "Steady states: the time by which they must stand still. Default 1e6.",
    ),
];

/// A matrix: its rows, its diagonal, or an expression.
const MATRIX: Kind = Kind::OneOf(&[
    Kind::Expression,
    Kind::List(&[Kind::Expression, Kind::List(&[Kind::Expression])]),
]);

/// A response.
pub const RESPONSE: &[Key] = &[
    Key::new(
        "frequency",
        Kind::Text,
        "The angular frequency's name: of a parameter, or a new one for the frequencies in [observed].",
    )
    .needed(),
    Key::new("unknown", Kind::Text, "The name of the complex unknowns. Default y."),
    Key::new(
        "size",
        Kind::Count(1),
        "How many unknowns there are. Default: as many as the lists have, or 1.",
    ),
    Key::new(
        "mass",
        MATRIX,
        "A matrix: rows, or its diagonal, or an expression of row and column (or of i, for the diagonal).",
    ),
    Key::new("damping", MATRIX, "A matrix, as `mass`."),
    Key::new("stiffness", MATRIX, "A matrix, as `mass`."),
    Key::new("imaginary", MATRIX, "A matrix, as `mass`: what else is imaginary."),
    Key::new("force", MATRIX, "A list, or an expression of i.").needed(),
    Key::new("imaginary_force", MATRIX, "The force's imaginary part. Default 0."),
];

/// The calendar.
pub const TIME: &[Key] = &[
    Key::new("origin", Kind::Date, "The date at which t = 0."),
    Key::new(
        "unit",
        Kind::Choice(&["second", "minute", "hour", "day", "week", "year"]),
        "The unit of t: day by default; a year is 365.25 days.",
    ),
];

/// An event.
pub const EVENT: &[Key] = &[
    Key::new(
        "name",
        Kind::Text,
        "Its name. Default: event 1, event 2, ...",
    ),
    Key::new(
        "at",
        Kind::Times,
        "When: times, expressions of the parameters, dates or ranges.",
    ),
    Key::new(
        "when",
        Kind::Text,
        "When: each time this condition becomes true, such as \"I > 100\".",
    ),
    Key::new(
        "once",
        Kind::Truth,
        "Beside `when`: only the first time. Default false.",
    ),
    Key::new(
        "set",
        Kind::Named(&Kind::Expression),
        "New values of states, or of parameters from then on.",
    )
    .needed(),
];

/// Keys of `[observed]` that are not series.
pub const OBSERVED: &[Key] = &[
    Key::new(
        "times",
        Kind::Times,
        "When every series without times of its own is observed; or \"steady\": when nothing moves any more; or an expression of the parameters: once, at that time.",
    ),
    Key::new(
        "start",
        Kind::Times,
        "The time of the initial values. Default 0.",
    ),
    Key::new(
        "frequencies",
        Kind::Times,
        "Of a [response], instead of `times`: angular frequencies.",
    ),
];

/// An observed series written as a table.
pub const SERIES: &[Key] = &[
    Key::new(
        "distribution",
        Kind::Expression,
        "Its distribution, or an expression that is seen exactly; none for a program.",
    ),
    Key::new("times", Kind::Times, "When it is observed."),
    Key::new(
        "frequencies",
        Kind::Times,
        "Of a [response], instead of `times`.",
    ),
    Key::new(
        "count",
        Kind::Count(1),
        "How many independent values, in a mechanism without dynamics.",
    ),
    Key::new(
        "size",
        Kind::Count(1),
        "Makes it so many series, name_1, name_2, ...; in its expressions i is the number.",
    ),
    OVER,
    Key::new(
        "every",
        Kind::Count(1),
        "Beside `size` or `over`: 2 leaves out every second one, 3 keeps the 1st, 4th, 7th, ...",
    ),
    Key::new(
        "rounded",
        Kind::Expression,
        "Entries are rounded to multiples of this, where it is positive.",
    ),
    Key::new(
        "missing",
        Kind::Expression,
        "A condition: where it holds, the entry is missing.",
    ),
    UNIT,
    DESCRIPTION,
];

/// A file of measured series.
pub const FORCING: &[Key] = &[
    Key::new(
        "file",
        Kind::Text,
        "A CSV file, from the mechanism's folder.",
    )
    .needed(),
    Key::new(
        "time",
        Kind::Text,
        "Its column of times. Default: the first named time, t, date, day, ...",
    ),
];

/// An external program.
pub const PROGRAM: &[Key] = &[
    Key::new(
        "command",
        Kind::Command,
        "The command and its arguments; for one-shot with {seed}, {output}, {parameters} or a parameter's {name}.",
    ).needed(),
    Key::new(
        "protocol",
        Kind::Choice(&["json-lines", "one-shot"]),
        "json-lines: a worker that stays. one-shot: started once a simulation (default where the command has {output}).",
    ),
    Key::new(
        "output",
        Kind::Choice(&["csv", "json"]),
        "The kind of file that a one-shot program writes to {output}. Default csv.",
    ),
    Key::new(
        "time_limit",
        Kind::Number,
        "Seconds that one simulation may take. Default 60.",
    ),
    Key::new(
        "most_failures",
        Kind::Number,
        "The run ends when more than this share of simulations failed. Default 0.5.",
    ),
];
