//! The codes of all faults. A code never changes its meaning; its page says what it means and cures it.

use std::fmt;

use super::Severity;

macro_rules! codes {
    ($($code:ident $name:ident,)*) => {
        /// Which fault a diagnostic is about. Each carries the text of its page as its documentation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = include_str!(concat!("../../../../docs/errors/", stringify!($code), ".md"))] $name,)*
        }

        impl Code {
            const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it is printed: `E204`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($code),)*
                }
            }
        }

        /// The page of a code, in Markdown: what it means, an example, the cure.
        pub fn page(code: Code) -> &'static str {
            match code {
                $(Code::$name => include_str!(concat!("../../../../docs/errors/", stringify!($code), ".md")),)*
            }
        }
    };
}

codes! {
    // The file, its YAML, its keys.
    E101 UnknownKey,
    E102 Syntax,
    E103 DuplicateKey,
    E104 WrongType,
    E105 MissingKey,
    E106 NotSupportedYet,
    E107 NotText,
    E108 Tab,
    E109 SeveralDocuments,
    E110 TooLarge,
    E111 YamlFeature,
    E112 UnknownWord,
    E113 OutOfRange,
    E114 QuoteIt,
    E115 BadName,
    E116 Empty,
    E117 Work,
    E118 KeysClash,
    E119 BadEnvName,
    E120 NoDefault,
    E121 DuplicateDag,
    E122 BrokenDefaults,
    // Tasks and their order.
    E201 UnknownTask,
    E202 DuplicateTask,
    E203 SelfDependency,
    E204 Cycle,
    E205 UnknownGroup,
    E206 EmptyGroup,
    E207 NestedForeach,
    // Schedules and time.
    E301 BadCron,
    E302 NeverFires,
    E303 UnknownZone,
    E304 BadDate,
    E305 EndBeforeStart,
    E306 BadDuration,
    E307 UnknownCalendar,
    E308 BadCalendar,
    E309 BadClockTime,
    // Templates and values.
    E401 UnquotedTemplate,
    E402 TemplateSyntax,
    E403 UnknownName,
    E404 UnknownParam,
    E405 UnknownOutputTask,
    E406 NotUpstream,
    E407 UndeclaredOutput,
    E408 UnsafeInShell,
    E409 TemplateInScript,
    E410 BadParam,
    E411 BadDefault,
    E412 BadPattern,
    E413 UnknownVar,
    // Limits and operators.
    E501 UnknownPool,
    E502 PoolTooSmall,
    E503 UnknownOperator,
    E504 UnknownArgument,
    E505 MissingArgument,
    E506 WrongArgument,
    E507 UnknownDestination,
    E508 BadDestination,
    // Warnings.
    W101 NotABoolean,
    W102 NumberLosesForm,
    W201 RepeatedDependency,
    W202 NoEffect,
    W203 NeverHolds,
    W204 EndlessCall,
    W205 UnknownElsewhere,
    W301 MisleadingCron,
    W302 ClockChange,
    W303 MisleadingDeadline,
}

impl Code {
    /// Every code there is, in the order of their numbers.
    pub fn all() -> &'static [Self] {
        Self::ALL
    }

    /// The code that is printed as `text`, in upper or lower case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text))
    }

    /// What its page is headed with: a few words that fit every case of it.
    pub fn title(self) -> &'static str {
        let heading = page(self).lines().next().unwrap_or_default();
        heading.split_once(": ").map_or(heading, |(_, title)| title)
    }

    /// Error for `E…`, warning for `W…`.
    pub fn severity(self) -> Severity {
        if self.as_str().starts_with('W') { Severity::Warning } else { Severity::Error }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
