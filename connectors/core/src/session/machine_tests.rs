use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn keep_alive() -> KeepAlive {
    KeepAlive {
        interval: 20 * SECOND,
        frame: Some("ping"),
        silence_max: 60 * SECOND,
        life_max: Some(DAY),
    }
}

/// A session with its clock, and the actions that came out of it.
struct Scene {
    session: Session,
    now: Duration,
}

impl Scene {
    fn new() -> Self {
        let mut config = SessionConfig::new(keep_alive());
        config.backoff = Backoff { first: 2 * SECOND, max: 16 * SECOND };
        Self { session: Session::new(config, Duration::ZERO), now: Duration::ZERO }
    }

    /// One that is ready on its first connection.
    fn ready() -> (Self, ConnectionId) {
        let mut stage = Self::new();
        let id = ConnectionId(1);
        assert_eq!(stage.actions(), [SessionAction::Connect(id)]);
        let ready = stage.open(id);
        assert_eq!(ready, SessionAction::Ready { connection: id, gap: true });
        (stage, id)
    }

    /// Everything a connection goes through until it is ready.
    fn open(&mut self, id: ConnectionId) -> SessionAction {
        assert_eq!(self.tell(id, SessionInput::Opened), [SessionAction::Authenticate(id)]);
        assert_eq!(self.tell(id, SessionInput::Authenticated), [SessionAction::Subscribe(id)]);
        self.tell(id, SessionInput::Subscribed).remove(0)
    }

    fn tell(&mut self, id: ConnectionId, input: SessionInput) -> Vec<SessionAction> {
        self.session.handle(id, input, self.now, u64::MAX / 3);
        self.actions()
    }

    /// Lets time pass, waking as asked, and hearing something every ten seconds if `heard`.
    fn pass(&mut self, time: Duration, heard: bool) -> Vec<SessionAction> {
        let (until, mut actions) = (self.now + time, Vec::new());
        while let Some(wake) = self.session.wake_at().filter(|wake| *wake <= until) {
            assert!(wake >= self.now);
            let wake = if heard { wake.min(self.now + 10 * SECOND) } else { wake };
            self.now = wake;
            if heard && let Some(id) = self.session.current() {
                self.session.handle(id, SessionInput::Heard, self.now, 0);
            }
            self.session.tick(self.now, u64::MAX / 3);
            actions.extend(self.actions());
        }
        self.now = until;
        actions
    }

    fn actions(&mut self) -> Vec<SessionAction> {
        core::iter::from_fn(|| self.session.poll()).collect()
    }
}

fn refusal() -> Refusal {
    Refusal { code: 10003, message: "API key is invalid.".into() }
}

#[test]
fn a_connection_is_opened_authenticated_and_subscribed() {
    let (stage, id) = Scene::ready();
    assert_eq!(stage.session.current(), Some(id));
}

#[test]
fn a_keep_alive_is_written_every_interval() {
    let (mut stage, id) = Scene::ready();
    let pings = stage.pass(65 * SECOND, true);
    assert_eq!(pings, vec![SessionAction::KeepAlive(id); 3]);
}

#[test]
fn a_silent_socket_is_given_up() {
    let (mut stage, id) = Scene::ready();
    let actions = stage.pass(59 * SECOND, false);
    assert!(!actions.contains(&SessionAction::Lost));
    let actions = stage.pass(SECOND, false);
    assert_eq!(actions[..], [SessionAction::Close(id), SessionAction::Lost]);
    let actions = stage.pass(2 * SECOND, false);
    assert_eq!(actions, [SessionAction::Connect(ConnectionId(2))]);
}

#[test]
fn a_connection_that_does_not_open_or_answer_is_given_up() {
    for steps in 0..3 {
        let mut stage = Scene::new();
        let id = ConnectionId(1);
        stage.actions();
        for input in [SessionInput::Opened, SessionInput::Authenticated].into_iter().take(steps) {
            stage.tell(id, input);
        }
        let actions = stage.pass(12 * SECOND, false);
        assert_eq!(
            actions[..2],
            [SessionAction::Close(id), SessionAction::Connect(ConnectionId(2))]
        );
    }
}

#[test]
fn a_lost_connection_is_replaced_and_the_gap_is_told() {
    let (mut stage, id) = Scene::ready();
    let actions = stage.tell(id, SessionInput::Closed);
    assert_eq!(actions, [SessionAction::Close(id), SessionAction::Lost]);
    stage.pass(2 * SECOND, false);
    let ready = stage.open(ConnectionId(2));
    assert_eq!(ready, SessionAction::Ready { connection: ConnectionId(2), gap: true });
}

#[test]
fn a_day_old_connection_is_replaced_without_a_gap() {
    let (mut stage, id) = Scene::ready();
    let actions = stage.pass(DAY - 61 * 60 * SECOND, true);
    assert!(actions.iter().all(|it| matches!(it, SessionAction::KeepAlive(_))));
    let next = ConnectionId(2);
    while stage.session.connections() < 2 {
        stage.pass(SECOND, true);
    }
    assert!(stage.now < DAY - 29 * 60 * SECOND);
    assert_eq!(stage.session.current(), Some(id), "the old one carries the session");
    stage.tell(next, SessionInput::Opened);
    assert!(stage.session.overlaps());
    stage.tell(next, SessionInput::Authenticated);
    let actions = stage.tell(next, SessionInput::Subscribed);
    assert_eq!(actions, [SessionAction::Ready { connection: next, gap: false }]);
    assert!(stage.session.overlaps(), "the old one is still read");
    let actions = stage.pass(3 * SECOND, true);
    assert_eq!(actions, [SessionAction::Close(id)]);
    assert!(!stage.session.overlaps());
    assert_eq!(stage.session.current(), Some(next));
}

#[test]
fn the_old_connection_goes_on_while_its_successor_fails() {
    let (mut stage, id) = Scene::ready();
    stage.tell(id, SessionInput::Reconnect);
    let mut waits = Vec::new();
    for attempt in 2..20 {
        let since = stage.now;
        while stage.session.connections() < attempt {
            stage.pass(SECOND, true);
        }
        waits.push(stage.now - since);
        let actions = stage.tell(ConnectionId(attempt), SessionInput::Closed);
        assert_eq!(actions, [SessionAction::Close(ConnectionId(attempt))]);
        assert_eq!(stage.session.current(), Some(id));
    }
    assert!(waits.iter().sum::<Duration>() > 60 * SECOND, "{waits:?}");
}

#[test]
fn an_announced_end_makes_no_storm() {
    let (mut stage, mut id) = Scene::ready();
    let start = stage.now;
    for attempt in 2..12 {
        stage.tell(id, SessionInput::Reconnect);
        assert_eq!(stage.tell(id, SessionInput::Reconnect), [], "told twice");
        while stage.session.connections() < attempt {
            stage.pass(SECOND, true);
        }
        id = ConnectionId(attempt);
        let ready = stage.open(id);
        assert_eq!(ready, SessionAction::Ready { connection: id, gap: false });
        stage.pass(SECOND, true);
    }
    assert!(stage.now - start > 30 * SECOND);
}

#[test]
fn failures_in_a_row_wait_longer_and_stability_forgives() {
    let mut stage = Scene::new();
    let mut waits = Vec::new();
    for attempt in 1..8 {
        let failed_at = stage.now;
        stage.tell(ConnectionId(attempt), SessionInput::Closed);
        while stage.session.connections() == attempt {
            stage.pass(Duration::from_millis(100), false);
        }
        waits.push(stage.now - failed_at);
    }
    assert!(waits.iter().all(|wait| *wait <= 17 * SECOND), "{waits:?}");
    assert!(waits.iter().max() > Some(&(4 * SECOND)), "{waits:?}");
    stage.open(ConnectionId(8));
    stage.pass(31 * SECOND, true);
    stage.tell(ConnectionId(8), SessionInput::Closed);
    let actions = stage.pass(2 * SECOND, false);
    assert_eq!(actions, [SessionAction::Connect(ConnectionId(9))]);
}

#[test]
fn wrong_credentials_stop_the_session() {
    let mut stage = Scene::new();
    stage.actions();
    stage.tell(ConnectionId(1), SessionInput::Opened);
    let actions = stage.tell(ConnectionId(1), SessionInput::Refused(refusal()));
    assert_eq!(actions, [SessionAction::Close(ConnectionId(1))], "the clock may be to blame");
    stage.pass(2 * SECOND, false);
    stage.tell(ConnectionId(2), SessionInput::Opened);
    let actions = stage.tell(ConnectionId(2), SessionInput::Refused(refusal()));
    let stopped = SessionAction::Stopped(refusal());
    assert_eq!(actions, [SessionAction::Close(ConnectionId(2)), stopped]);
    assert!(stage.session.is_stopped());
    assert_eq!((stage.session.wake_at(), stage.pass(DAY, false)), (None, vec![]));
}

#[test]
fn a_session_that_still_runs_survives_a_refused_successor() {
    let (mut stage, id) = Scene::ready();
    stage.tell(id, SessionInput::Reconnect);
    let mut attempts = 0;
    for _ in 0..600 {
        for action in stage.pass(SECOND, true) {
            if let SessionAction::Connect(next) = action {
                attempts += 1;
                stage.tell(next, SessionInput::Opened);
                stage.tell(next, SessionInput::Refused(refusal()));
            }
        }
    }
    assert_eq!((attempts, stage.session.current()), (2, Some(id)));
    stage.tell(id, SessionInput::Closed);
    stage.pass(16 * SECOND, false);
    let last = ConnectionId(stage.session.connections());
    stage.tell(last, SessionInput::Opened);
    let actions = stage.tell(last, SessionInput::Refused(refusal()));
    assert!(actions.contains(&SessionAction::Stopped(refusal())));
}

#[test]
fn a_bad_frame_is_counted_and_makes_the_session_connect_anew() {
    let (mut stage, id) = Scene::ready();
    let fault = FrameFault::NotText;
    let actions = stage.tell(id, SessionInput::BadFrame(fault));
    assert_eq!(actions, [SessionAction::Close(id), SessionAction::Lost]);
    assert_eq!(FrameFault::ALL.map(|it| stage.session.faults(it)), [0, 1, 0, 0, 0]);
    let actions = stage.pass(2 * SECOND, false);
    assert_eq!(actions, [SessionAction::Connect(ConnectionId(2))]);
}

fn inputs() -> impl Strategy<Value = SessionInput> {
    prop_oneof![
        5 => Just(SessionInput::Opened),
        5 => Just(SessionInput::Authenticated),
        5 => Just(SessionInput::Subscribed),
        3 => Just(SessionInput::Heard),
        1 => Just(SessionInput::Refused(refusal())),
        2 => Just(SessionInput::Reconnect),
        1 => prop::sample::select(&FrameFault::ALL).prop_map(SessionInput::BadFrame),
        2 => Just(SessionInput::Closed),
    ]
}

proptest! {
    /// Whatever happens: connections are closed before they are forgotten, there are never more than
    /// three, a session that has not stopped always has a next moment, and no moment twice.
    #[test]
    fn a_session_always_knows_what_comes_next(
        steps in prop::collection::vec((inputs(), 0_u64..4, 0_u64..90_000, any::<u64>()), 1..200),
    ) {
        let mut session = Session::new(SessionConfig::new(keep_alive()), Duration::ZERO);
        let (mut now, mut open) = (Duration::ZERO, std::collections::BTreeSet::new());
        for (input, back, millis, random) in steps {
            now += Duration::from_millis(millis);
            session.tick(now, random);
            if let Some(wake) = session.wake_at() {
                prop_assert!(wake > now);
            }
            let id = ConnectionId(session.connections().saturating_sub(back));
            session.handle(id, input, now, random);
            while let Some(action) = session.poll() {
                match action {
                    SessionAction::Connect(id) => prop_assert!(open.insert(id)),
                    SessionAction::Close(id) => prop_assert!(open.remove(&id)),
                    SessionAction::Ready { connection: id, .. }
                    | SessionAction::Authenticate(id)
                    | SessionAction::Subscribe(id) => prop_assert!(open.contains(&id)),
                    _ => {}
                }
            }
            prop_assert!(open.len() <= 3);
            prop_assert_eq!(session.wake_at().is_none(), session.is_stopped());
            prop_assert!(!session.is_stopped() || open.is_empty());
        }
    }
}
