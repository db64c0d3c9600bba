//! WebSocket connections, which this front refuses.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::convert::Infallible;

use super::Bybit;
use crate::engine::Event;
use crate::fault::Fault;
use crate::http::{HttpRequest, HttpResponse};
use crate::ws::{Cx, Front, Message, Policy};

impl Front for Bybit {
    type Session = Infallible;

    fn open(
        &mut self,
        _: &mut Cx<'_>,
        _: &str,
        _: &HttpRequest<'_>,
    ) -> Result<(Infallible, Policy), HttpResponse> {
        Err(HttpResponse::html(501, "Not Implemented"))
    }

    fn name<'m>(&self, session: &Infallible, _: &'m Message) -> Cow<'m, str> {
        match *session {}
    }

    fn message(&mut self, _: &mut Cx<'_>, session: &mut Infallible, _: &Message) {
        match *session {}
    }

    fn refuse(&mut self, _: &mut Cx<'_>, session: &mut Infallible, _: &Message, _: &Fault) {
        match *session {}
    }

    fn event(&mut self, _: &mut Cx<'_>, session: &mut Infallible, _: &Event) {
        match *session {}
    }

    fn tick(&mut self, _: &mut Cx<'_>, session: &mut Infallible) -> Option<u64> {
        match *session {}
    }

    fn watched(&self, session: &Infallible, _: &mut BTreeSet<usize>) {
        match *session {}
    }

    fn farewell(&mut self, _: &mut Cx<'_>, session: &mut Infallible) {
        match *session {}
    }

    fn closed(&mut self, session: Infallible) {
        match session {}
    }
}
