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
    /// PUBACK and PUBREC do not wait for the message's record.
    AckBeforeSync = "ack-before-sync";
    /// CONNACK does not wait until the end of the client's old session is durable.
    ConnackBeforeDiscard = "connack-before-discard";
    /// SUBACK does not wait for the subscription's record.
    SubackBeforeSync = "suback-before-sync";
    /// PUBREL does not wait until it is stored that the client has the message.
    PubrelBeforeSync = "pubrel-before-sync";
    /// PUBACK does not wait for the removal of a retained message that is gone already.
    GoneBeforeSync = "gone-before-sync";
    /// A new segment's name is not made durable.
    DirectoryNotSynced = "directory-not-synced";
    /// A sync that fails counts as done.
    SyncErrorIgnored = "sync-error-ignored";
    /// Recovery builds on an end of the log that may be in the system's cache only.
    TailNotSecured = "tail-not-secured";
    /// Recovery reads segments that were to be removed.
    StaleSegmentRead = "stale-segment-read";
    /// After a round of cleaning all before its end goes, and not before its beginning.
    TrimTooEarly = "trim-too-early";
    /// Segments that are not needed any more stay.
    SegmentsStay = "segments-stay";
    /// Cleaning leaves out what is in flight.
    CleaningSkipsInflight = "cleaning-skips-in-flight";
    /// The identifier of a QoS 2 message is stored later than the message.
    IdStoredApart = "id-stored-apart";
    /// A repeated QoS 2 PUBLISH is a new message.
    RepeatNotKnown = "repeat-not-known";
    /// PUBLISH is sent again although PUBREC has come.
    PublishAfterPubrec = "publish-after-pubrec";
    /// A packet identifier is free when PUBREC comes.
    IdFreeAtPubrec = "id-free-at-pubrec";
    /// The backlog overtakes what is in flight when a client comes back.
    BacklogOvertakes = "backlog-overtakes";
    /// What was in flight is new after a restart.
    InflightRestoredAsNew = "in-flight-restored-as-new";
    /// The identifiers of QoS 2 messages that came are forgotten in a restart.
    IdsNotRestored = "ids-not-restored";
    /// More is sent than the window allows.
    WindowIgnored = "window-ignored";
    /// That a retained message was removed is not stored.
    RemovalNotStored = "removal-not-stored";
    /// The end of a subscription is not stored.
    UnsubscribeNotStored = "unsubscribe-not-stored";
    /// A Will is not stored.
    WillNotStored = "will-not-stored";
    /// What waits in a share group is not stored.
    GroupNotStored = "group-not-stored";
    /// A connection stays when another one takes its session over.
    TakeOverLeaves = "take-over-leaves";
    /// After a restart a session's expiry counts from the last record, however old.
    SilenceExpires = "silence-expires";
    /// No session expires.
    NothingExpires = "nothing-expires";
    /// What has expired is delivered all the same.
    ExpiredDelivered = "expired-delivered";
    /// A Topic Alias is chosen before the packet can leave, so that another may leave first.
    AliasBeforeGate = "alias-before-gate";
    /// A client's Receive Maximum does not matter.
    ReceiveMaximumIgnored = "receive-maximum-ignored";
    /// A Will that is to wait is never published.
    DelayedWillForgotten = "delayed-will-forgotten";
    /// Nobody hears of messages for which a queue has no room.
    SilentDrop = "silent-drop";
    /// A client gets its own messages although it said No Local.
    NoLocalIgnored = "no-local-ignored";
    /// Forwarded messages lose their RETAIN flag, whatever the subscription says.
    RetainAsPublishedIgnored = "retain-as-published-ignored";
    /// Every SUBSCRIBE brings retained messages.
    RetainHandlingIgnored = "retain-handling-ignored";
    /// Of several matching subscriptions only one is named by its identifier.
    IdentifierMissing = "identifier-missing";
    /// A subscription has no identifier any more after a restart.
    IdentifierNotRestored = "identifier-not-restored";
    /// User Properties are forwarded in another order.
    UserPropertiesReordered = "user-properties-reordered";
    /// A client's Maximum Packet Size does not matter.
    PacketSizeIgnored = "packet-size-ignored";
    /// Reason Strings go to clients that do not want them.
    ReasonsUnasked = "reasons-unasked";
    /// What waits in the gate is not told how much of its expiry is left when it leaves.
    ExpiryStandsStill = "expiry-stands-still";
    /// The Session Expiry Interval of a DISCONNECT does not matter.
    ByeExpiryIgnored = "bye-expiry-ignored";
    /// The Session Expiry Interval of a DISCONNECT is not stored.
    ByeExpiryNotStored = "bye-expiry-not-stored";
    /// DISCONNECT with Will withdraws the Will.
    ByeWithWillForgotten = "bye-with-will-forgotten";
    /// A Will is published although its client said DISCONNECT.
    WillNotWithdrawn = "will-not-withdrawn";
    /// A Will that is to wait is published at once.
    WillNotDelayed = "will-not-delayed";
    /// A connection stays although nothing was heard of its client for too long.
    SilenceUnnoticed = "silence-unnoticed";
    /// A client counts as gone after its Keep Alive, not one and a half times that.
    SilenceTooSoon = "silence-too-soon";
    /// Whoever is taken over is told another reason.
    WrongFarewell = "wrong-farewell";
    /// A subscription that was not there counts as ended.
    UnsubackWrong = "unsuback-wrong";
    /// A client may have more unanswered messages than it was told.
    ReceiveMaximumUnchecked = "receive-maximum-unchecked";
    /// Nobody is ever not read from.
    NoBackPressure = "no-back-pressure";
    /// The answer to an order does not wait for what the order changed.
    AnswerBeforeSync = "answer-before-sync";
    /// Retained messages that an order removes are not removed from the log.
    ClearingNotStored = "clearing-not-stored";
    /// The end of a session by an order is not stored.
    OrderedEndNotStored = "ordered-end-not-stored";
    /// A restart drops what is in flight beyond a window that is smaller now.
    RestartTrimsWindow = "restart-trims-window";
    /// A restart drops of a backlog what is beyond a limit that is lower now.
    RestartTrimsBacklog = "restart-trims-backlog";
    /// A session that a restart found begins to wait for its client anew.
    RestartRenewsExpiry = "restart-renews-expiry";
    /// What a member of a share group leaves behind at its session's end is dropped.
    MemberTakesAlong = "member-takes-along";
    /// Two members of a share group get a QoS 0 message.
    MemberTwice = "member-twice";
    /// A backlog that is too much for one step is not gone on with.
    BacklogStops = "backlog-stops";
    /// A session that is too much for one step is never taken apart to its end.
    RemainsStay = "remains-stay";
    /// An UNSUBSCRIBE that ends nothing is not answered.
    UnsubackMissing = "unsuback-missing";
    /// PUBACK overtakes others if its own message has nothing to wait for.
    PubackOvertakes = "puback-overtakes";
    /// Whoever was not read while memory was short is never read again.
    HushedForEver = "hushed-for-ever";
    /// What is sent again does not say so.
    DupMissing = "dup-missing";
    /// What waited in the gate when its connection ended counts as sent.
    DupUnsent = "dup-unsent";
    /// CONNACK goes out before the connection that is taken over is closed.
    TakenOverLate = "taken-over-late";
    /// Messages that are forwarded together are counted as QoS 0.
    RunCountedAsQoS0 = "run-counted-as-qos-0";
    /// A queue without a limit holds ten messages.
    LimitUnasked = "limit-unasked";
    /// While memory is short QoS 1 and 2 do not wait either.
    ShortageTakesAll = "shortage-takes-all";
    /// Where a new subscription's retained messages have got to is not stored.
    ReplayNotStored = "replay-not-stored";
    /// Retained messages that are too many for one step are not gone on with.
    ReplayStops = "replay-stops";
    /// Retained messages are sent in disregard of what fits the connection and the window.
    ReplayOverfills = "replay-overfills";
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
