//! Values that are one of a few words.

use std::fmt;

/// Declares an enum together with the words it is written as.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])+
        $name:ident { $( $(#[doc = $variant_doc:literal])+ $variant:ident = $word:literal, )+ }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $( $(#[doc = $variant_doc])+ $variant, )+ }

        impl $name {
            pub(crate) const WORDS: &'static [&'static str] = &[$($word),+];

            pub(crate) fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }
    };
}

pub(crate) use choice;

choice! {
    /// What a listener speaks.
    Protocol {
        /// MQTT over TCP, or over TLS where a certificate is given.
        Mqtt = "mqtt",
        /// MQTT over WebSocket, or over its TLS form where a certificate is given.
        Websocket = "websocket",
    }
}

choice! {
    /// What gives way when a session's backlog is full.
    QueueFullPolicy {
        /// The oldest QoS 0 message; else the new one if it is QoS 0; else the oldest.
        DropOldest = "drop_oldest",
        /// The new message.
        DropNewest = "drop_newest",
        /// The connection of the client that does not keep up.
        Disconnect = "disconnect",
    }
}

choice! {
    /// What happens to a publisher that exceeds `receive_maximum`.
    ReceiveMaximumPolicy {
        /// `strict` for MQTT 5, which was told; `backpressure` for 3.1 and 3.1.1, which was not.
        Default = "default",
        /// The connection is closed with 0x93 (MQTT 5) or just closed.
        Strict = "strict",
        /// Nothing is read from it until answers have gone out.
        Backpressure = "backpressure",
    }
}

choice! {
    /// What an acknowledged message survives.
    Durability {
        /// A power cut: nothing is acknowledged before the disk has it.
        Power = "power",
        /// The end of the process, but not of the machine: written, and left to the system.
        Process = "process",
        /// Nothing: no file is made.
        None = "none",
    }
}

choice! {
    /// The least severe lines that the log shows.
    LogLevel {
        /// Failures that need someone.
        Error = "error",
        /// What will need someone.
        Warn = "warn",
        /// The life of the broker and its connections.
        Info = "info",
        /// How decisions were made.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

choice! {
    /// How a line of the log looks.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line, for machines.
        Json = "json",
    }
}
