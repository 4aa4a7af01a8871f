//! Another library in a process of its own, with dependencies of its own (`dev/peers`), which
//! `dev/bench` builds: a line asks, a line answers.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Result;

pub(crate) struct Peer {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts the program that `variable` names, with the URL of a database; none where `dev/bench`
    /// could not build it.
    pub(crate) fn start(variable: &str, url: &str) -> Result<Option<Self>> {
        let Some(program) = std::env::var_os(variable) else {
            eprintln!("a peer is not measured, for {variable} does not say where it is");
            return Ok(None);
        };
        let mut program = Command::new(program);
        let mut process = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let answers = process.stdout.take().ok_or("the peer has no output")?;
        let questions = process.stdin.take();
        let mut peer = Self { process, questions, answers: BufReader::new(answers) };
        peer.say(url)?;
        Ok(Some(peer))
    }

    pub(crate) fn ask(&mut self, question: &str) -> Result<String> {
        self.say(question)?;
        let mut answer = String::new();
        match self.answers.read_line(&mut answer)? {
            0 => Err("the peer has ended".into()),
            _ => Ok(answer.trim().to_owned()),
        }
    }

    fn say(&mut self, line: &str) -> Result<()> {
        let questions = self.questions.as_mut().ok_or("the peer has no input")?;
        Ok(writeln!(questions, "{line}")?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends when nobody can ask any more.
        self.questions = None;
        drop(self.process.wait());
    }
}
