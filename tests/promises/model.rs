//! The life of a job as a state machine: random sequences on a model of the broker, thousands in memory, and dozens
//! on a real broker, where every queue and every hand-over must be as the model says.
//!
//! Brokers count differently what comes back; the model knows how each version does.
//!
//! Holds in both: a job is in one place, what its reports fold to fits that place, a success is told once and never
//! taken back, and workers that live bring every job to its end.

mod ledger;
mod memory;
mod op;
mod play;
mod real;

use std::cell::RefCell;

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use valet_broker::Counting;
use valet_testkit::{Broker, Storage};

use crate::stage::Stage;
use op::Op;
use play::Play;
use real::Real;

const IN_MEMORY: u32 = 3_000;
const ON_A_BROKER: u32 = 30;
/// On a broker, each try at a shorter sequence may wait for what does not come.
const SHRINK_MILLISECONDS_MAX: u32 = 60_000;

/// Plays so many random sequences; one that fails is shortened and shown, an operation a line.
#[track_caller]
fn expect_all(cases: u32, length_max: usize, play: impl Fn(&[Op]) -> Result<(), String>) {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        max_shrink_time: SHRINK_MILLISECONDS_MAX,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let ended = runner.run(&op::sequences(length_max), |ops| play(&ops).map_err(TestCaseError::fail));
    if let Err(failure) = ended {
        panic!("{}", shown(&failure));
    }
}

fn shown(failure: &proptest::test_runner::TestError<Vec<Op>>) -> String {
    match failure {
        proptest::test_runner::TestError::Fail(reason, ops) => {
            let lines = ops.iter().enumerate().map(|(number, op)| format!("{:>4} {op:?}\n", number + 1));
            format!("{reason}\nthe shortest sequence:\n{}", lines.collect::<String>())
        }
        other => other.to_string(),
    }
}

#[test]
fn every_sequence_brings_every_job_to_one_end() {
    for counting in [Counting::Anew, Counting::Blurred, Counting::Carried] {
        expect_all(IN_MEMORY, 60, |ops| {
            let played = Play::in_memory(counting).run(ops);
            played.map_err(|problem| format!("{counting:?}: {problem}"))
        });
    }
}

#[test]
fn a_real_broker_moves_jobs_as_the_model_says() {
    let new_stage =
        || Stage::declared(Broker::shared(), Storage::shared(), &["--retry-1", "50ms", "--retry-2", "50ms"]);
    let stage = RefCell::new(new_stage());
    expect_all(ON_A_BROKER, 30, |ops| {
        let real = Real::start(&stage.borrow());
        let played = Play::beside(&real).run(ops);
        real.end();
        if let Err(problem) = &played {
            println!("{problem}\n{ops:?}");
            // What it left is nothing to begin the next one with.
            stage.replace(new_stage());
        }
        played
    });
}

/// The shortest sequence that once told model and broker apart.
#[test]
fn what_comes_back_from_two_workers_is_given_out_in_the_order_in_which_it_came() {
    let stage =
        Stage::declared(Broker::shared(), Storage::shared(), &["--retry-1", "50ms", "--retry-2", "50ms"]);
    let real = Real::start(&stage);
    let [submit, take, crash] =
        [|job| Op::Submit { job }, |slot| Op::Take { slot }, |slot| Op::Crash { slot }];
    let played = Play::beside(&real).run(&[submit(0), submit(1), take(1), take(0), crash(1), crash(0)]);
    real.end();
    played.expect("model and broker agree");
}
