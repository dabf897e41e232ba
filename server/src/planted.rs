//! Bugs that can be planted on purpose, so that simulation can prove that it finds such bugs.
//!
//! They exist only in a build with the feature `planted`; everywhere else [`Planted::is`] is a
//! constant `false` and nothing of them is left in the program.

macro_rules! bugs {
    ($($(#[doc = $words:literal])+ $bug:ident = $name:literal;)*) => {
        /// A way to be wrong. Each is one line somewhere in this crate.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $($(#[doc = $words])+ $bug,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug,)*];

            /// What it is called on a command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$bug => $name,)*
                }
            }

            /// What it does.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$bug => concat!($($words),+).trim_ascii_start(),)*
                }
            }
        }
    };
}

bugs! {
    /// The beginning of a packet that comes in two reads is lost.
    PartialLost = "partial-lost";
    /// What comes in one read with the CONNECT is lost.
    BehindConnectLost = "behind-connect-lost";
    /// Of the packets of one read those after the first few are lost.
    RestOfReadLost = "rest-of-read-lost";
    /// Of a WebSocket message what does not fit into one read is lost.
    MessageRestLost = "message-rest-lost";
    /// A worker with output that another worker's turn has brought is not woken.
    WakeLost = "wake-lost";
    /// No worker is woken when records are durable.
    DurableNotTold = "durable-not-told";
    /// The timer is not told of an earlier deadline.
    TimerNotTold = "timer-not-told";
    /// A connection that the engine ends stays open.
    CloseIgnored = "close-ignored";
    /// What a full socket did not take is lost when there is more for it.
    QueueOvertaken = "queue-overtaken";
    /// What a full socket took of a write is written again.
    WrittenTwice = "written-twice";
    /// A worker delivers nothing more in a turn once one socket is full.
    FullSocketBlocks = "full-socket-blocks";
    /// A connection that was not to be read from for a while is never read again.
    NeverReadAgain = "never-read-again";
    /// The engine is not told what a socket has taken.
    WrittenNotTold = "written-not-told";
    /// A start begins with an empty engine on a log that has something.
    RecoverySkipped = "recovery-skipped";
    /// The broker stops without telling its clients.
    StopWithoutDrain = "stop-without-drain";
    /// A worker hands in what its connections brought in the wrong order.
    InputsReversed = "inputs-reversed";
    /// What a later turn has for a client overtakes what is late.
    LateOvertaken = "late-overtaken";
    /// Whose packets led to output that is late is not read from any more.
    PatientForEver = "patient-for-ever";
    /// Whoever brought records while the disk was behind is not read from any more.
    HeldForEver = "held-for-ever";
    /// Whoever has more to bring than its share is not let in again.
    TurnLost = "turn-lost";
    /// Of clients that leave at once only some may.
    ExitBlocked = "exit-blocked";
    /// A client that never says anything keeps its connection.
    SilenceAllowed = "silence-allowed";
}

/// Which bug there is, if any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planted {
    #[cfg(feature = "planted")]
    bug: Option<Bug>,
}

impl Planted {
    /// None.
    pub const NONE: Self = Self {
        #[cfg(feature = "planted")]
        bug: None,
    };

    /// This one.
    #[cfg(feature = "planted")]
    #[must_use]
    pub const fn new(bug: Bug) -> Self {
        Self { bug: Some(bug) }
    }

    /// Whether it is this one.
    #[cfg(feature = "planted")]
    #[must_use]
    pub fn is(self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Whether it is this one: no, here is none.
    #[cfg(not(feature = "planted"))]
    #[must_use]
    pub const fn is(self, _: Bug) -> bool {
        false
    }
}
