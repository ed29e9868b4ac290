//! The door: logging in and out by keyboard, a wrong password, a new one, what somebody sees who may see little.

use crate::driver::{self, Browser};
use crate::town::{Server, Town};
use crate::{Scene, write_dags};

const PASSWORD: &str = "correct horse battery";

/// `Tab` and `Enter`, as `WebDriver` types them.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// A house with people: `ana` is an admin, `vic` sees `sales` and nothing else.
pub(crate) fn house() -> (Town, Server) {
    let town = Town::new();
    write_dags(&town);
    for args in ["ana --role admin", "vic --role viewer --dag sales"] {
        let said = town.nightrun_reading(&format!("user add {args}"), &format!("{PASSWORD}\n"));
        assert_eq!(said.code, 0, "{said:?}");
    }
    let server = town.serve();
    (town, server)
}

fn locked() -> Option<Scene> {
    if !driver::is_there() {
        return None;
    }
    let (town, server) = house();
    let browser = driver::open(&server.address())?;
    Some(Scene { browser, server, town })
}

/// Fills the form in by keyboard alone: the cursor stands in the first field.
fn log_in(browser: &Browser, name: &str, password: &str) {
    browser.holds("document.activeElement.id === 'name'");
    browser.types(&format!("{name}{TAB}{password}{ENTER}"));
}

/// The same for somebody who is let in.
pub(crate) fn enter(browser: &Browser, name: &str) {
    log_in(browser, name, PASSWORD);
    browser.holds("document.querySelector('form[action=\"/logout\"]')");
}

#[test]
fn somebody_logs_in_by_keyboard_lands_where_they_wanted_to_go_and_logs_out() {
    let Some(scene) = locked() else { return };
    let browser = &scene.browser;
    browser.visit("/dags/sales");
    browser.lands_on("/login?next=");
    enter(browser, "ana");
    browser.lands_on("/dags/sales");
    browser.shows("Orders into the warehouse");
    browser.press("Log out");
    browser.lands_on("/login");
    browser.visit("/dags/sales");
    browser.lands_on("/login?next=");
    // The page before is not shown from the browser's memory either.
    browser.goes_back();
    browser.holds("document.querySelector('#password')");
    scene.is_calm();
}

#[test]
fn a_wrong_password_is_said_without_saying_what_was_wrong() {
    let Some(scene) = locked() else { return };
    let browser = &scene.browser;
    browser.visit("/login");
    let refused = |name: &str, password: &str| {
        log_in(browser, name, password);
        browser.holds("document.querySelector('[role=alert]') && !document.querySelector('#password').value");
        assert!(browser.complaints().iter().all(|it| it.contains("a status of 401")));
        browser.script("return document.querySelector('[role=alert]').innerText").as_str().unwrap().to_owned()
    };
    let wrong = refused("ana", "correct horse");
    browser.visit("/login");
    assert_eq!(wrong, refused("nobody", "correct horse"));
    scene.is_calm();
}

#[test]
fn a_new_password_ends_every_other_session() {
    let Some(scene) = locked() else { return };
    let browser = &scene.browser;
    let Some(other) = driver::open(&scene.server.address()) else { return };
    for one in [browser, &other] {
        one.visit("/account");
        one.lands_on("/login");
        enter(one, "ana");
        one.lands_on("/account");
    }
    let change = |old: &str| {
        browser.fill("Password as it is", old);
        browser.fill("New password", "a longer one than before");
        browser.press("Change it");
    };
    change("not this one");
    browser.holds("document.querySelector('[role=alert]')");
    assert!(browser.complaints().iter().all(|it| it.contains("a status of 4")));
    change(PASSWORD);
    browser.lands_on("/account?did=password");
    browser.holds("document.querySelector('[role=status]')");
    other.visit("/account");
    other.lands_on("/login");
    scene.is_calm();
}

#[test]
fn somebody_limited_to_one_dag_sees_that_one_and_no_button() {
    let Some(scene) = locked() else { return };
    let browser = &scene.browser;
    browser.visit("/dags");
    browser.lands_on("/login");
    enter(browser, "vic");
    browser.lands_on("/dags");
    browser.shows("sales");
    assert!(!browser.text().contains("gated"), "{}", browser.text());
    browser.visit("/dags/sales");
    let seen = browser.script(
        "return [...document.querySelectorAll('main button, main .button')].filter((it) => it.checkVisibility()).map((it) => it.innerText)",
    );
    assert_eq!(seen.as_array().unwrap().len(), 0, "{seen}");
    scene.is_calm();
    browser.visit("/dags/gated");
    browser.shows("not granted");
    assert!(browser.complaints().iter().all(|it| it.contains("a status of 403")));
    scene.is_calm();
}

#[test]
fn the_focus_is_seen_wherever_it_goes() {
    let Some(scene) = locked() else { return };
    let browser = &scene.browser;
    browser.visit("/login");
    enter(browser, "ana");
    for path in ["/", "/dags", "/dags/sales", "/holds", "/account"] {
        browser.visit(path);
        let count = browser
            .script("return [...document.querySelectorAll('a[href], button, input, select, textarea, summary')].filter((it) => it.checkVisibility()).length")
            .as_u64()
            .unwrap();
        for _ in 0..count.min(25) {
            browser.types(TAB);
            let unseen = browser.script(
                "const it = document.activeElement, style = getComputedStyle(it), box = it.getBoundingClientRect();
                 const seen = it === document.body || it.matches(':focus-visible') && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
                   && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
                 return seen ? '' : it.outerHTML.slice(0, 200)",
            );
            assert_eq!(unseen, "", "{path}");
        }
    }
    scene.is_calm();
}
