//! The arithmetic of training on buffers laid out feature by feature: row `f` of a buffer holds
//! feature `f` of every example of a chunk, so that lanes run over examples.

pub(crate) mod activation;
pub(crate) mod adam;
pub(crate) mod affine;
pub(crate) mod attention;
pub(crate) mod loss;
pub(crate) mod matching;
pub(crate) mod normalise;
pub(crate) mod pool;
pub(crate) mod product;
pub(crate) mod spline;
