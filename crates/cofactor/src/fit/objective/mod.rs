//! What a model minimises, as an expression, and how training follows its gradient: what an algorithm's file says for `cofactor derive`.

pub mod expression;
pub mod sample;

pub use expression::{
    Expr, Function, Set, Shape, Symbol, dot, ln, logistic, named, positive_part, power, scalar, size, square,
    squared_norm, sum, vector,
};
pub use sample::{Binding, Sample};

use crate::error::Result;

/// An objective, what is learned by it, and what training does with its gradient.
pub struct Objective {
    /// What comes after "Minimise": "(2)", "(4) in the pass by users".
    pub title: &'static str,
    /// What is minimised, as a whole.
    pub whole: Expr,
    /// What is learned, in the order in which it is to be shown.
    pub unknowns: Vec<Unknown>,
    /// What training does with the gradient.
    pub method: Method,
    /// Letters whose values are known, such as λ; all others are drawn when the gradient is checked.
    pub constants: Vec<(&'static str, f64)>,
    /// The training itself; `None` for an objective that is only differentiated.
    pub training: Option<Training>,
}

/// A letter that is learned.
#[derive(Debug, Clone)]
pub struct Unknown {
    /// p_u.
    pub symbol: Symbol,
    /// What its gradient is multiplied by in a step downhill; not used where the gradient is set to zero.
    pub rate: Expr,
}

/// What training does with the gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A step downhill for each term of the objective's outermost sum.
    Stochastic,
    /// A step downhill on the whole: of everything that is the users', and then of what is the items'.
    Gradient,
    /// The whole is least where the gradient is zero: the unknowns of that many at a time are solved for together.
    NormalEquations(usize),
    /// The same equations, one coordinate after the other, none below zero.
    Coordinates,
}

/// One stretch of training, by the code that trains the model: how a check sees what the kernels do.
pub struct Training {
    /// Which ratings it visits.
    pub visits: Visits,
    /// Moves the values in the sample, given the ratings to visit, as training moves them. A triple is given as two pairs: what was taken, and what was not.
    pub run: Run,
}

/// Moves the values in a sample by visiting these ratings.
pub type Run = Box<dyn Fn(&mut Sample, &[(usize, usize)]) -> Result<()> + Send + Sync>;

/// Which ratings a stretch of training visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visits {
    /// One.
    OneRating,
    /// One triple: a rating, and a pair without one.
    OneTriple,
    /// All of one user, by item.
    OneUser,
    /// All of one item, by user.
    OneItem,
    /// All, in a sweep over the users and then over the items.
    Everything,
}

impl Unknown {
    /// A letter that moves at a rate.
    ///
    /// # Panics
    /// When `letter` is not a letter.
    pub fn new(letter: &Expr, rate: &Expr) -> Self {
        let symbol = letter.symbol().expect("what is learned is a letter");
        Self { symbol, rate: rate.clone() }
    }

    /// A letter that is solved for.
    pub fn solved(letter: &Expr) -> Self {
        Self::new(letter, &Expr::Number(0.0))
    }
}

/// One's share of an L2 penalty: nothing where its weight is zero, so that a model without a penalty is derived without one.
pub fn penalty(weight: f64, letter: &'static str, of: Expr) -> Expr {
    if weight == 0.0 { Expr::Number(0.0) } else { scalar(letter, "") * of }
}

/// (n̄/n_u)^ν for `"u"`, (n̄/n_i)^ν for `"i"`; 1 where ν = 0. n̄ is the mean number of ratings of that side.
pub fn scarcity(index: &'static str, nu: f64) -> Expr {
    if nu == 0.0 {
        return Expr::Number(1.0);
    }
    let (rows, own, mean) = match index {
        "u" => (Set::Users, Set::ItemsOf("i"), "n̄_U"),
        _ => (Set::Items, Set::UsersOf("u"), "n̄_I"),
    };
    let mean = named(mean, "", size(Set::Ratings) * power(&size(rows), -1.0));
    power(&(mean * power(&size(own), -1.0)), scalar("ν", ""))
}

/// [`scarcity`] under a letter of its own; 1 where ν = 0.
pub fn weight(letter: &'static str, index: &'static str, nu: f64) -> Expr {
    if nu == 0.0 { Expr::Number(1.0) } else { named(letter, index, scarcity(index, nu)) }
}
