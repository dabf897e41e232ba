//! `surewire pub`: publishes messages and ends when the broker has acknowledged all of them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use surewire_engine::client::{CloseReason, Input, Output, Token};
use surewire_engine::message::Content;
use surewire_engine::packet::{Properties, QoS};
use surewire_engine::topic::TopicName;
use tokio::time::sleep;

use super::connect_args::{self, ConnectArgs};
use super::failure::Failure;
use super::link::{Event, Link};
use super::payload::Source;
use super::stop::Stop;
use super::{block_on, closed, lost_early, words};

/// A Remaining Length holds this many bytes (3.1.1 section 2.2.3).
const MAX_REMAINING: usize = 268_435_455;
/// What a PUBLISH needs around topic and payload: two lengths and an id, and 5.0's empty properties.
const PUBLISH_OVERHEAD: usize = 5;

const NOTES: &str = "\
Ends when every message of QoS 1 and 2 is acknowledged. With -c a lost connection is made again and
unfinished messages are sent again; without it a lost connection is an error.

Examples:
  surewire pub -t home/kitchen/temperature -m 21.5
  surewire pub -t home/kitchen/temperature -m 21.5 -q 1 -r -h broker.example
  tail -f sensor.log | surewire pub -t log/sensor -l -q 1

Exit codes: 0 all messages are published; 1 something failed, stderr says what; 2 wrong usage.";

/// Publish messages to a broker.
///
/// Ends when every message of QoS 1 and 2 is acknowledged. With -c a lost connection is made again
/// and unfinished messages are sent again; without it a lost connection is an error.
#[derive(Clone, Debug, clap::Args)]
#[command(disable_help_flag = true, after_help = NOTES)]
#[command(group = clap::ArgGroup::new("payload").required(true))]
pub struct Args {
    /// Topic to publish to
    #[arg(short, long, value_parser = connect_args::topic)]
    pub topic: TopicName,

    /// Publish this text
    #[arg(short, long, value_name = "TEXT", group = "payload", allow_hyphen_values = true)]
    pub message: Option<String>,

    /// Publish the contents of this file
    #[arg(short, long, value_name = "FILE", group = "payload")]
    pub file: Option<PathBuf>,

    /// Publish each line of the standard input as a message
    #[arg(short = 'l', long, group = "payload")]
    pub stdin_line: bool,

    /// Publish the whole standard input as one message
    #[arg(short = 's', long, group = "payload")]
    pub stdin_file: bool,

    /// Publish an empty message; with -r it removes the retained one
    #[arg(short, long, group = "payload")]
    pub null_message: bool,

    /// 0: at most once, 1: at least once, 2: exactly once
    #[arg(short, long, default_value = "0", value_parser = connect_args::qos)]
    pub qos: QoS,

    /// Have the broker keep the message for later subscribers
    #[arg(short, long)]
    pub retain: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show a text here as the command's own")]
    pub connect: ConnectArgs,
}

/// Publishes; returns when everything is acknowledged or something failed.
#[must_use]
pub fn run(args: Args) -> ExitCode {
    block_on(async { Publisher::new(args)?.run().await })
}

struct Publisher {
    link: Link,
    source: Source,
    stop: Stop,
    topic: TopicName,
    qos: QoS,
    retain: bool,
    /// Whether a lost connection is made again: only a session that the broker keeps can go on.
    persistent: bool,
    /// Whether the broker ever accepted the connection.
    accepted: bool,
    exhausted: bool,
    failed: usize,
    /// Handed to the client so far.
    count: u64,
}

impl Publisher {
    fn new(args: Args) -> Result<Self, Failure> {
        let options = args.connect.options("pub")?;
        let persistent = !options.clean_start;
        Ok(Self {
            source: source(&args)?,
            link: Link::new(options, args.connect.target(), args.connect.debug),
            stop: Stop::new(None).map_err(Failure::Runtime)?,
            topic: args.topic,
            qos: args.qos,
            retain: args.retain,
            persistent,
            accepted: false,
            exhausted: false,
            failed: 0,
            count: 0,
        })
    }

    async fn run(mut self) -> Result<(), Failure> {
        self.link.open().await?;
        loop {
            if self.is_done() {
                self.link.handle(Input::Disconnect);
            }
            let wants_more = self.wants_more();
            tokio::select! {
                biased;
                _ = self.stop.wait() => return self.stopped().await,
                event = self.link.next() => if self.on(event).await? { break },
                payload = self.source.next(), if wants_more => self.publish(payload?)?,
            }
        }
        if self.failed > 0 { Err(Failure::NotPublished(self.failed)) } else { Ok(()) }
    }

    fn is_done(&self) -> bool {
        let client = self.link.client();
        let is_acknowledged = client.is_connected() && client.unacknowledged() == 0;
        // Nothing acknowledges QoS 0: all that can be done for it is to have written it.
        self.exhausted && is_acknowledged && self.link.is_flushed()
    }

    fn wants_more(&self) -> bool {
        !self.exhausted && self.link.client().has_room() && !self.link.is_busy()
    }

    fn publish(&mut self, payload: Option<Bytes>) -> Result<(), Failure> {
        let Some(payload) = payload else {
            self.exhausted = true;
            return Ok(());
        };
        let limit = MAX_REMAINING - PUBLISH_OVERHEAD - self.topic.as_str().len();
        if payload.len() > limit {
            return Err(Failure::PayloadTooLarge { bytes: payload.len(), limit });
        }
        let (topic, qos, retain) = (self.topic.clone(), self.qos, self.retain);
        let content = Content { topic, payload, qos, retain, properties: Properties::NONE };
        self.count += 1;
        self.link.handle(Input::Publish { token: Token(self.count), content });
        Ok(())
    }

    /// Whether that was the end.
    async fn on(&mut self, event: Event) -> Result<bool, Failure> {
        match event {
            Event::Told(output) => self.told(&output),
            // What may be published now is looked at each time.
            Event::Relieved => {}
            Event::Closed(CloseReason::Requested) => return Ok(true),
            Event::Closed(reason @ CloseReason::NoPingresp) if self.persistent => {
                words::say(format_args!("{}", words::closed(&reason)));
                self.reconnect().await?;
            }
            Event::Closed(reason) => return Err(closed(&self.link, self.accepted, reason)),
            Event::Lost(error) if self.accepted && self.persistent => {
                words::say(format_args!("{}", words::lost(&error)));
                self.reconnect().await?;
            }
            Event::Lost(error) if self.accepted => {
                let unacknowledged = self.link.client().unacknowledged();
                return Err(Failure::Lost { error, unacknowledged });
            }
            Event::Lost(_) => return Err(lost_early(&self.link)),
        }
        Ok(false)
    }

    fn told(&mut self, output: &Output) {
        match output {
            Output::Connected { .. } => self.accepted = true,
            Output::Acknowledged { token, code } if code.is_error() => {
                self.failed += 1;
                let why = words::code(*code);
                words::say(format_args!("the broker refused message {}: {why}", token.0));
            }
            Output::Failed { token, why } => {
                self.failed += 1;
                words::say(format_args!("message {} is not published: {why}", token.0));
            }
            Output::Send(_)
            | Output::Close { .. }
            | Output::Message(_)
            | Output::Acknowledged { .. }
            | Output::Subscribed { .. }
            | Output::Unsubscribed { .. } => {}
        }
    }

    /// Until it works or the command is stopped.
    async fn reconnect(&mut self) -> Result<(), Failure> {
        loop {
            let delay = self.link.client().reconnect_delay();
            words::say(format_args!("connecting again in {} s", seconds(delay)));
            tokio::select! {
                _ = self.stop.wait() => return self.stopped().await,
                () = sleep(delay) => {}
            }
            match self.link.open().await {
                Ok(()) => return Ok(()),
                Err(error) => words::say(format_args!("{error}")),
            }
        }
    }

    async fn stopped(&mut self) -> Result<(), Failure> {
        let unacknowledged = self.link.client().unacknowledged();
        self.link.leave().await;
        Err(Failure::Stopped { unacknowledged })
    }
}

fn source(args: &Args) -> Result<Source, Failure> {
    if let Some(text) = &args.message {
        return Ok(Source::text(text.clone()));
    }
    if let Some(path) = &args.file {
        return Source::file(path);
    }
    match (args.stdin_line, args.stdin_file) {
        (true, _) => Source::lines(),
        (false, true) => Source::stdin(),
        (false, false) => Ok(Source::empty()),
    }
}

/// Seconds with one decimal, as in "0.7".
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}
