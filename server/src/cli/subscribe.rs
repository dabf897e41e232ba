//! `surewire sub`: subscribes and prints what comes.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use bytestring::ByteString;
use surewire_engine::client::{CloseReason, Input, Output, Token};
use surewire_engine::message::Content;
use surewire_engine::packet::{QoS, ReasonCode, SubscribeFilter, SubscribeOptions};
use surewire_engine::topic::TopicFilter;
use tokio::time::sleep;

use super::connect_args::{self, ConnectArgs};
use super::failure::Failure;
use super::link::{Event, Link};
use super::publish::seconds;
use super::stop::{Stop, Stopped};
use super::{block_on, closed, lost_early, words};

const NOTES: &str = "\
Prints each payload as it is and a line break. Runs until Ctrl-C, or as -C and -W say; a lost
connection is made again.

Examples:
  surewire sub -t home/+/temperature -v
  surewire sub -t home/# -t garden/# -q 1 -h broker.example
  surewire sub -t job/result -C 1 -W 30         one message, or exit code 27 after 30 seconds
  surewire sub -t jobs -q 1 -c -i worker-1      the broker keeps messages while it is away

Exit codes: 0 ended as asked; 1 something failed, stderr says what; 2 wrong usage; 27 the time of
-W is over.";

/// Subscribe at a broker and print what comes.
///
/// Prints each payload as it is and a line break. Runs until Ctrl-C, or as -C and -W say; a lost
/// connection is made again.
#[derive(Clone, Debug, clap::Args)]
#[command(disable_help_flag = true, after_help = NOTES)]
pub struct Args {
    /// Topic filter to subscribe to: `+` stands for one level, `#` for all that follow (repeatable)
    #[arg(short, long, value_name = "FILTER", required = true, value_parser = filter)]
    pub topic: Vec<TopicFilter>,

    /// The highest QoS to receive with: 0, 1 or 2
    #[arg(short, long, default_value = "0", value_parser = connect_args::qos)]
    pub qos: QoS,

    /// Print the topic before each payload
    #[arg(short, long)]
    pub verbose: bool,

    /// Print no line break after a payload
    #[arg(short = 'N', long)]
    pub no_newline: bool,

    /// End after this many messages
    #[arg(short = 'C', long, value_name = "MESSAGES")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// End after this many seconds, with exit code 27
    #[arg(short = 'W', long, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: Option<u64>,

    /// Leave out messages that were retained
    #[arg(short = 'R', long)]
    pub no_retained: bool,

    /// Leave out messages on topics of this filter (repeatable)
    #[arg(short = 'T', long, value_name = "FILTER", value_parser = filter)]
    pub filter_out: Vec<TopicFilter>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show a text here as the command's own")]
    pub connect: ConnectArgs,
}

/// Subscribes; returns when the command is to end or something failed.
#[must_use]
pub fn run(args: Args) -> ExitCode {
    block_on(async { Subscriber::new(args)?.run().await })
}

struct Subscriber {
    link: Link,
    stop: Stop,
    args: Args,
    /// Whether the broker ever accepted the connection.
    accepted: bool,
    printed: u64,
}

impl Subscriber {
    fn new(args: Args) -> Result<Self, Failure> {
        let options = args.connect.options("sub")?;
        Ok(Self {
            link: Link::new(options, args.connect.target(), args.connect.debug),
            stop: Stop::new(args.timeout.map(Duration::from_secs)).map_err(Failure::Runtime)?,
            args,
            accepted: false,
            printed: 0,
        })
    }

    async fn run(mut self) -> Result<(), Failure> {
        tokio::select! {
            why = self.stop.wait() => return ended(why),
            opened = self.link.open() => opened?,
        }
        loop {
            let next = tokio::select! {
                biased;
                why = self.stop.wait() => {
                    self.link.leave().await;
                    return ended(why);
                }
                event = self.link.next() => self.on(event),
            };
            match next? {
                After::GoOn => {}
                After::Leave => {
                    self.link.leave().await;
                    return Ok(());
                }
                After::Reconnect => {
                    if let Some(why) = self.reconnect().await {
                        return ended(why);
                    }
                }
            }
        }
    }

    fn on(&mut self, event: Event) -> Result<After, Failure> {
        match event {
            Event::Told(output) => self.told(output),
            Event::Relieved => Ok(After::GoOn),
            Event::Closed(reason @ (CloseReason::NoPingresp | CloseReason::NoConnack))
                if self.accepted =>
            {
                words::say(format_args!("{}", words::closed(&reason)));
                Ok(After::Reconnect)
            }
            Event::Closed(reason) => Err(closed(&self.link, self.accepted, reason)),
            Event::Lost(error) if self.accepted => {
                words::say(format_args!("{}", words::lost(&error)));
                Ok(After::Reconnect)
            }
            Event::Lost(_) => Err(lost_early(&self.link)),
        }
    }

    fn told(&mut self, output: Output) -> Result<After, Failure> {
        match output {
            Output::Connected { .. } => {
                self.accepted = true;
                self.subscribe();
                Ok(After::GoOn)
            }
            Output::Message(content) => self.message(&content),
            Output::Subscribed { codes, .. } => self.subscribed(&codes),
            Output::Send(_)
            | Output::Close { .. }
            | Output::Acknowledged { .. }
            | Output::Unsubscribed { .. }
            | Output::Failed { .. } => Ok(After::GoOn),
        }
    }

    /// Also in a session that the broker kept: the filters may be others than last time.
    fn subscribe(&mut self) {
        let options = SubscribeOptions { qos: self.args.qos, ..SubscribeOptions::default() };
        let filter = |filter: &TopicFilter| SubscribeFilter {
            filter: ByteString::from(filter.as_str()),
            options,
        };
        let filters = self.args.topic.iter().map(filter).collect();
        self.link.handle(Input::Subscribe { token: Token::default(), filters });
    }

    fn subscribed(&self, codes: &[ReasonCode]) -> Result<After, Failure> {
        for (filter, code) in self.args.topic.iter().zip(codes) {
            if code.is_error() {
                let why = words::code(*code);
                words::say(format_args!("the broker refused the subscription to {filter}: {why}"));
            }
        }
        if codes.iter().all(|code| code.is_error()) {
            return Err(Failure::NothingGranted);
        }
        Ok(After::GoOn)
    }

    fn message(&mut self, content: &Content) -> Result<After, Failure> {
        if self.is_left_out(content) {
            return Ok(After::GoOn);
        }
        match self.print(content) {
            Ok(()) => {}
            // Whoever read our output has seen enough, as in `surewire sub .. | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(After::Leave),
            Err(error) => return Err(Failure::Stdout(error)),
        }
        self.printed += 1;
        let enough = self.args.count.is_some_and(|count| self.printed >= count);
        Ok(if enough { After::Leave } else { After::GoOn })
    }

    fn is_left_out(&self, content: &Content) -> bool {
        let is_stale = self.args.no_retained && content.retain;
        is_stale || self.args.filter_out.iter().any(|filter| filter.matches(&content.topic))
    }

    fn print(&self, content: &Content) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.args.verbose {
            write!(out, "{} ", content.topic.as_str())?;
        }
        out.write_all(&content.payload)?;
        if !self.args.no_newline {
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// Until it works; or why the command is to end before that.
    async fn reconnect(&mut self) -> Option<Stopped> {
        loop {
            let delay = self.link.client().reconnect_delay();
            words::say(format_args!("connecting again in {} s", seconds(delay)));
            let attempt = async {
                sleep(delay).await;
                self.link.open().await
            };
            tokio::select! {
                why = self.stop.wait() => return Some(why),
                opened = attempt => match opened {
                    Ok(()) => return None,
                    Err(error) => words::say(format_args!("{error}")),
                },
            }
        }
    }
}

/// What follows an event.
enum After {
    GoOn,
    Reconnect,
    Leave,
}

/// Ctrl-C is the ordinary end of this command.
const fn ended(why: Stopped) -> Result<(), Failure> {
    match why {
        Stopped::Signal => Ok(()),
        Stopped::TimedOut => Err(Failure::TimedOut),
    }
}

fn filter(text: &str) -> Result<TopicFilter, String> {
    TopicFilter::parse(ByteString::from(text)).map_err(|error| format!("the filter {error}"))
}
