//! The pages and the API over real stores, asked as a browser or a program would ask.

mod access;
mod acts;
mod again;
mod api;
mod busy;
mod choosing;
mod guard;
mod history;
mod house;
mod instances;
mod keeping;
mod live;
mod openapi;
mod pages;
mod past;
mod people;
mod regressions;
mod scenes;
mod searched;
mod seasons;
mod steer;
mod tasks;
mod told;
mod visit;
