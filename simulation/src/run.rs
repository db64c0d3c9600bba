//! One seed, from the first signal to rest.

use std::rc::Rc;

use hoox_router::RequestId;

use crate::executor::{MS, Owner, SECOND};
use crate::mutation::Mutation;
use crate::process::{Incoming, Process};
use crate::report::Report;
use crate::world::{Heard, World};

/// How often a sender sends one webhook at most, and how long it waits for the answer.
const SENDS_MAX: u32 = 8;
const ANSWER_WITHIN: u64 = 25 * SECOND;

/// More steps than any seed needs.
const STEPS_MAX: u64 = 2_000_000;

/// Runs one seed, with a bug planted or without; `trace` keeps a line for every event.
///
/// ```
/// let report = hoox_simulation::run(7, None, false);
/// assert_eq!(report.violation, None);
/// assert_eq!(report.digest, hoox_simulation::run(7, None, true).digest);
/// ```
pub fn run(seed: u64, mutation: Option<Mutation>, trace: bool) -> Report {
    let world = World::new(seed, mutation, trace);
    Process::start(&world);
    send_signals(&world);
    let operator = Rc::clone(&world);
    world.time.spawn(Owner::World, async move {
        for (at, act) in &operator.plan.operator {
            operator.time.sleep(at.saturating_sub(operator.time.now())).await;
            operator.act(*act);
        }
        operator.time.sleep(operator.plan.quiet_at.saturating_sub(operator.time.now())).await;
        operator.calm();
    });

    let mut steps = 0;
    while steps < STEPS_MAX && world.is_sound() && !at_rest(&world) {
        if !world.time.step() {
            break;
        }
        steps += 1;
        if world.take_crash() && world.running.get() {
            crash(&world);
        }
        if world.time.now() > world.deadline() {
            break;
        }
    }
    if world.is_sound() {
        crate::rest::check(&world, at_rest(&world));
    }
    world.count(|counts| {
        counts.steps = steps;
        counts.virtual_ms = world.time.now() / MS;
    });
    // The tasks hold the world, which holds them.
    for number in 0..=world.processes.get() {
        world.time.kill(Owner::Process(number));
    }
    world.time.kill(Owner::World);
    *world.process.borrow_mut() = None;
    Report {
        seed,
        violation: world.violation(),
        counts: world.counts(),
        digest: world.time.digest(),
        trace: world.lines(),
    }
}

/// Whether nothing is on its way and nothing is open.
fn at_rest(world: &World) -> bool {
    let process = world.process.borrow();
    world.is_quiet()
        && world.busy.get() == 0
        && process.as_ref().is_some_and(|it| it.is_up() && !it.store().any_open() && it.is_idle())
}

/// The process is gone, and of the disk's unsynced part what luck leaves.
fn crash(world: &Rc<World>) {
    let number = world.processes.get();
    world.trace(|| format!("process {number} dies"));
    world.count(|counts| counts.crashes += 1);
    world.time.kill(Owner::Process(number));
    world.running.set(false);
    *world.process.borrow_mut() = None;
    world.disk.crash(&world.time);
    world.book.borrow_mut().crashed();
    world.blur_limits();
    let restarting = Rc::clone(world);
    world.time.spawn(Owner::World, async move {
        restarting.time.sleep(restarting.time.between(50 * MS, 5 * SECOND)).await;
        Process::start(&restarting);
    });
}

fn send_signals(world: &Rc<World>) {
    for (index, planned) in world.plan.signals.iter().enumerate() {
        for _ in 0..planned.copies {
            world.busy.set(world.busy.get() + 1);
            let sender = Rc::clone(world);
            world.time.spawn(Owner::World, async move {
                send(&sender, index).await;
                sender.busy.set(sender.busy.get() - 1);
            });
        }
    }
}

/// One sender: sends its signal again until it is answered for good.
async fn send(world: &Rc<World>, index: usize) {
    let Some(planned) = world.plan.signals.get(index) else { return };
    let incoming = match (&planned.signal, planned.internal) {
        (Some(signal), true) => Incoming::Internal(Box::new(signal.clone())),
        _ => Incoming::Webhook(planned.body.clone().into_bytes()),
    };
    let time = &world.time;
    // Copies come at once, or a little later.
    let later =
        if time.chance(500) { time.between(0, 10 * MS) } else { time.between(0, 20 * SECOND) };
    let later = if planned.copies > 1 { later } else { 0 };
    time.sleep(planned.at + later).await;
    for _ in 0..SENDS_MAX {
        let mut bytes = [0; 16];
        bytes.iter_mut().for_each(|byte| *byte = u8::try_from(time.between(0, 255)).unwrap_or(0));
        let request_id = RequestId::from_random(bytes);
        let process = world.process.borrow().clone();
        let taken = process.and_then(|process| process.take(incoming.clone(), request_id));
        if let Some(answered) = taken {
            world.trace(|| format!("signal {index} comes in as {request_id}: {}", planned.body));
            world.count(|counts| counts.webhooks += 1);
            match time.within(ANSWER_WITHIN, answered.wait()).await {
                Some(Some(answer)) => {
                    world.trace(|| {
                        format!("{request_id} is answered {} {}", answer.status, answer.body)
                    });
                    let (status, code) = (answer.status, answer.code);
                    world.answers.borrow_mut().push(Heard { request_id, status, code });
                    world.count(|counts| {
                        counts.filled += u64::from(status == 200);
                        counts.enqueued += u64::from(status == 202);
                        counts.duplicates += u64::from(status == 409);
                        counts.unknown += u64::from(code == Some("EXCHANGE_TIMEOUT"));
                        counts.halted += u64::from(code == Some("KILL_SWITCH_ACTIVE"));
                    });
                    // Somebody careless sends again whatever it was.
                    if status < 500 && !time.chance(100) {
                        return;
                    }
                }
                Some(None) => world.count(|counts| counts.unanswered += 1),
                None => {}
            }
        }
        time.sleep(time.between(100 * MS, 12 * SECOND)).await;
    }
}
