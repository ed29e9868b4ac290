//! Where a value can stand in a script, and where it cannot.

/// A place where a value can stand, by what quotes it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Outside of quotes: brings its own.
    Bare,
    /// Within double quotes or a here-document: has them already.
    Quoted,
    /// Within single quotes: leaves them for a moment.
    Single,
    /// Within `$'…'`, bash's: leaves them for a moment.
    Ansi,
}

impl Place {
    /// What goes before and after the reference to the variable.
    pub(super) fn quotes(self) -> (&'static str, &'static str) {
        match self {
            Self::Bare => ("\"", "\""),
            Self::Quoted => ("", ""),
            Self::Single => ("'\"", "\"'"),
            Self::Ansi => ("'\"", "\"$'"),
        }
    }
}

/// Why a value cannot stand somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// `# {{ x }}`.
    Comment,
    /// In `<<'EOF'`.
    QuotedHereDocument,
    /// `<<{{ x }}`.
    Delimiter,
    /// `${v#{{ x }}}` in a here-document, where shells disagree.
    HereDocumentPattern,
    /// `${v:={{ x }}}`, `${v/a/{{ x }}}` without double quotes: the result is split into words.
    Unquoted,
    /// `$(( {{ x }} ))`, `(( … ))`, `$[ … ]`, `${v:{{ x }}}`: a shell evaluates what a variable holds there,
    /// subscripts with command substitutions in them too.
    Arithmetic,
    /// `[[ {{ x }} -gt 3 ]]`, bash's: arithmetic too.
    NumericTest,
    /// `a[{{ x }}]=…`: arithmetic too.
    Subscript,
    /// In backticks, whose backslashes are read twice.
    Backtick,
    /// `\{{ x }}`: would escape the reference.
    Backslash,
    /// `${{ x }}`: would become `$$`, the number of the process.
    Dollar,
    /// `${ {{ x }} }`: would name a variable.
    Name,
    /// After `eval`, `let` or `unset`.
    Code,
    /// In the script of `bash -c '…'`.
    Script,
    /// Too deeply nested, or a here-document that ends outside of the command that began it.
    Unclear,
}

impl Refusal {
    /// What is wrong, one line.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Comment => "a value cannot stand in a comment: its next line would be code",
            Self::QuotedHereDocument => "a value cannot stand in a here-document whose end word is quoted",
            Self::Delimiter => "a value cannot be the end word of a here-document",
            Self::HereDocumentPattern => "shells disagree on a value in a pattern within a here-document",
            Self::Unquoted => "a shell would split this value into words",
            Self::Arithmetic => "a value cannot stand in shell arithmetic, which would run it as code",
            Self::NumericTest => {
                "`[[ … ]]` evaluates numbers as shell arithmetic, which would run a value as code"
            }
            Self::Subscript => "a subscript is shell arithmetic, which would run a value as code",
            Self::Backtick => "a value cannot stand within backticks",
            Self::Backslash => "a value cannot stand directly after a backslash",
            Self::Dollar => "a value cannot stand directly after `$`",
            Self::Name => "a value cannot be the name of a shell variable",
            Self::Code => "`eval`, `let` and `unset` would run a value as code",
            Self::Script => "the script after `-c` is code of another shell, which would run a value as code",
            Self::Unclear => "it cannot be told how a shell would read this value",
        }
    }

    /// What to write instead.
    pub(super) fn cure(self) -> &'static str {
        match self {
            Self::Comment => "drop it there, or write a template comment: `{{# … #}}`",
            Self::QuotedHereDocument => "write `<<EOF` without quotes, and `\\$` where a `$` is meant",
            Self::Delimiter => "write a fixed word, such as `EOF`",
            Self::HereDocumentPattern => "set a variable before the here-document",
            Self::Unquoted => "put double quotes around it: `\"${…}\"`",
            Self::Arithmetic => "compute in the template, as in `{{ params.n + 1 }}`, or use `expr`",
            Self::NumericTest => "use `[ … ]` instead of `[[ … ]]`, or the task's `when:`",
            Self::Subscript => "choose in the template, or pass the value to a program as an argument",
            Self::Backtick => "write `$(…)` instead of backticks",
            Self::Backslash => "drop the backslash: values need no escaping",
            Self::Dollar => "write `{{ … }}` without `$`, or `\\$` where the sign itself is meant",
            Self::Name => "choose in the template: `{{ env[params.name] }}`",
            Self::Code => "run the command itself",
            Self::Script => "pass the value as an argument: `bash -c 'echo \"$1\"' - {{ … }}`",
            Self::Unclear => "put the value into `env:` and write `\"$NAME\"` here",
        }
    }
}
