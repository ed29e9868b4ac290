//! How a page is looked at: its layout at two widths, what axe-core says against it, what it weighs, a picture.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Value as Json, json};

use crate::driver::{Browser, say};

const LAYOUT: &str = include_str!("scripts/layout.js");
const AXE: &str = include_str!("scripts/axe.js");
const COUNTS: &str = include_str!("scripts/counts.js");
const SHIFTS: &str = include_str!("scripts/shifts.js");

/// Bytes that a page may cost, with its style, script and pictures, as they are sent.
const MAX_BYTES: u64 = 150_000;
/// Requests that a page may cost: itself, style, script, the sign of the house, the sign in the tab.
const MAX_REQUESTS: u64 = 6;
/// How far things may move once they are drawn; up to 0.1 is called good.
const MAX_SHIFT: f64 = 0.05;

/// Widths of windows.
pub(crate) const WIDE: (u32, u32) = (1280, 900);
pub(crate) const NARROW: (u32, u32) = (390, 844);

/// Rules of axe-core whose verdict depends on the width of the window, or on its colours.
pub(crate) const BY_WIDTH: [&str; 4] =
    ["color-contrast", "scrollable-region-focusable", "meta-viewport", "skip-link"];
pub(crate) const BY_COLOUR: [&str; 2] = ["color-contrast", "link-in-text-block"];

/// The text of axe-core where `.ci/axe` has fetched it, which is beside what is built.
static AXE_CORE: LazyLock<Option<String>> = LazyLock::new(|| {
    let built = Path::new(env!("CARGO_BIN_EXE_nightrun")).ancestors().nth(2).unwrap();
    let text = std::fs::read_to_string(built.join("axe-core/axe.min.js")).ok();
    if text.is_none() {
        say("no axe-core here (`.ci/axe` fetches it): pages are not held against it");
    }
    text
});

/// Where pictures are wanted.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
pub(crate) fn shots() -> Option<PathBuf> {
    std::env::var_os("NIGHTRUN_SHOTS").map(PathBuf::from)
}

impl Browser {
    /// From the next page on: nothing is taken from the cache, and what moves is written down.
    pub(crate) fn watches(&self) {
        self.devtools("Network.enable", &json!({}));
        self.devtools("Network.setCacheDisabled", &json!({"cacheDisabled": true}));
        self.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({"source": SHIFTS}));
        if let Some(text) = &*AXE_CORE {
            self.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({"source": text}));
        }
    }

    /// Gives the window this size.
    pub(crate) fn is_sized(&self, (width, height): (u32, u32)) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Shows pages in dark colours or in light ones.
    pub(crate) fn is_dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": value}]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// What is laid out badly.
    pub(crate) fn layout_faults(&self) -> Vec<String> {
        sentences(&self.script(LAYOUT))
    }

    /// What axe-core says; with no rule named, by all of them. Nothing where there is no axe-core.
    pub(crate) fn axe_faults(&self, rules: &[&str]) -> Vec<String> {
        if AXE_CORE.is_none() {
            return vec![];
        }
        sentences(&self.script_with(AXE, &json!([rules])))
    }

    /// What the page costs beyond what it may.
    pub(crate) fn count_faults(&self) -> Vec<String> {
        let counts = self.script(COUNTS);
        let mut faults = vec![];
        if counts["bytes"].as_u64().unwrap() > MAX_BYTES {
            faults
                .push(format!("{} bytes are sent, of {MAX_BYTES}: {}", counts["bytes"], counts["heaviest"]));
        }
        if counts["requests"].as_u64().unwrap() > MAX_REQUESTS {
            faults
                .push(format!("{} requests, of {MAX_REQUESTS}: {}", counts["requests"], counts["heaviest"]));
        }
        if counts["shift"].as_f64().unwrap() > MAX_SHIFT {
            faults.push(format!(
                "things move by {} once they are drawn: {}",
                counts["shift"], counts["shifted"]
            ));
        }
        faults
    }

    /// Writes a picture of the page, as far as it is worth looking at.
    pub(crate) fn is_pictured(&self, to: &Path, (width, height): (u32, u32)) {
        let whole = self.script("return document.documentElement.scrollHeight").as_u64().unwrap_or(0);
        let height = u32::try_from(whole).unwrap_or(height).clamp(height, 3 * height);
        self.is_sized((width, height));
        std::fs::write(to, self.picture()).unwrap();
    }
}

fn sentences(said: &Json) -> Vec<String> {
    said.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}
