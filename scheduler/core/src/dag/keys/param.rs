//! Keys of a param's map form.

use super::{Key, Shape, keys, words};
use crate::dag::spec::ParamKind;

keys! {
    TYPE "type", Shape::Word(words::<ParamKind>), "", "string",
        "Its type. Without it: the type of its default, else `string`.";
    DEFAULT "default", Shape::Any, "", "eu",
        "Its value where a run gives none.";
    REQUIRED "required", Shape::Boolean, "false", "true",
        "A run without it is refused.";
    ENUM "enum", Shape::AnyList, "[]", "[eu, us]",
        "The only values allowed.";
    MIN "min", Shape::Number, "", "1",
        "Smallest number; fewest characters of a string; fewest elements of an array.";
    MAX "max", Shape::Number, "", "100",
        "Largest number; most characters of a string; most elements of an array.";
    PATTERN "pattern", Shape::Pattern, "", "\"[a-z]+\"",
        "A regular expression that the whole of a string must match.";
    DESCRIPTION "description", Shape::Text, "", "Sales region",
        "Shown beside the field of a form.";
}
