//! From a plan as it was read to one that can be run: names found, topics judged, limits resolved.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytestring::ByteString;
use surewire_engine::packet::{QoS, Version};
use surewire_engine::topic::{TopicFilter, TopicName};
use surewire_fleet::plan as fleet;
use surewire_fleet::{Pattern, Plan};

use super::failure::Failure;
use super::placed::Placed;
use super::plan::{self, End, File, Protocol, Qos, Timing};
use crate::config::load::{document, read_file};
use crate::config::reader::read_as;
use crate::config::{ByteSize, Config, ConfigError, Durability, Problem, TimeSpan};
use crate::settings::{Machine, Settings};

/// Clients in all. A hundred thousand take some 200 MB of the simulator.
const MOST_CLIENTS: u64 = 1_000_000;

/// What the command line says besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    pub(super) seed: u64,
    pub(super) length: Option<Duration>,
}

/// Reads a plan.
pub(super) fn load(path: &Path, given: Given) -> Result<Plan, Failure> {
    let bytes =
        read_file(path).map_err(|error| Failure::Unreadable { file: path.to_owned(), error })?;
    let invalid = |problems| {
        let file = Some(path.to_owned());
        Failure::Invalid(Box::new(ConfigError::Invalid { file, problems }))
    };
    let origin = crate::config::document::Origin::File;
    let root = document(&bytes, &origin).map_err(|problem| invalid(vec![problem]))?;
    let (file, _) = read_as::<File>(&root, &plan::ROOT).map_err(invalid)?;
    let config = config_of(&file.broker, path)?;
    resolve(&file, &config, given, &root.place).map_err(invalid)
}

/// What the broker is told: a part of the plan, or a file beside it.
fn config_of(broker: &plan::Broker, plan: &Path) -> Result<Config, Failure> {
    let Some(file) = &broker.config_file else { return Ok(broker.config.clone()) };
    // A part of a plan that says nothing has no listeners, a whole file has the default one.
    let nothing = Config { listener: Vec::new(), ..Config::default() };
    if broker.config != nothing {
        let problem = file.not_allowed("config_file and config", "one of them");
        let file = Some(plan.to_owned());
        let problems = vec![problem];
        return Err(Failure::Invalid(Box::new(ConfigError::Invalid { file, problems })));
    }
    let path = plan.parent().unwrap_or(Path::new(".")).join(&file.value);
    // The environment is none of the plan's: the same plan is to give the same output.
    let environment: [(&str, &str); 0] = [];
    let loaded = Config::load(&path, environment);
    Ok(loaded.map_err(|error| Failure::Invalid(Box::new(error)))?.config)
}

fn resolve(
    file: &File,
    config: &Config,
    given: Given,
    root: &crate::config::Place,
) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    if file.groups.is_empty() {
        let fault = crate::config::Fault::Missing {
            expected: "groups: a list of groups of clients".into(),
        };
        problems.push(Problem { place: root.clone(), path: "groups".into(), fault });
    }
    let length = given.length.unwrap_or_else(|| file.length.get());
    let links = names(file.links.iter().map(|link| &link.name), "links", &mut problems);
    let groups = names(file.groups.iter().map(|group| &group.name), "groups", &mut problems);
    check_names(file, &mut problems);
    let mut resolve = Resolve { links, groups, length, problems };
    let plan = Plan {
        seed: given.seed,
        length,
        broker: broker(&file.broker, config),
        links: resolve.links(file),
        groups: file.groups.iter().map(|group| resolve.group(group)).collect(),
        outages: file.outages.iter().filter_map(|outage| resolve.outage(outage)).collect(),
    };
    if resolve.problems.is_empty() { Ok(plan) } else { Err(resolve.problems) }
}

/// Places of things by their name; a name that is there twice is a problem.
fn names<'a>(
    all: impl Iterator<Item = &'a Placed<String>>,
    what: &str,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, usize> {
    let mut places = BTreeMap::new();
    for (place, name) in all.enumerate() {
        if places.insert(name.value.clone(), place).is_some() {
            let found = format!("`{}` a second time", name.value);
            problems
                .push(name.not_allowed(&found, format!("a name that no other of the {what} has")));
        }
    }
    places
}

/// A group's name is a part of client identifiers and topics; and there is a most of clients.
fn check_names(file: &File, problems: &mut Vec<Problem>) {
    let mut clients = 0;
    for group in &file.groups {
        let name = &group.name.value;
        if name.is_empty() || name.contains(['/', '+', '#', '{', '}', '$']) {
            let found = format!("`{name}`");
            problems.push(group.name.not_allowed(&found, "a name without / + # { } $"));
        }
        clients += u64::from(group.clients.value);
        if clients > MOST_CLIENTS {
            let found = format!("{clients} clients up to this group");
            let expected = format!("at most {MOST_CLIENTS} in all groups together");
            problems.push(group.clients.not_allowed(&found, expected));
        }
    }
}

fn broker(broker: &plan::Broker, config: &Config) -> fleet::Broker {
    // Of this machine nothing counts: the same plan gives the same output everywhere.
    let settings = Settings::resolve(config, Machine { cores: 1, files: None, memory: None });
    fleet::Broker {
        config: settings.engine,
        limits: settings.limits,
        durability: match settings.durability {
            Durability::Power => fleet::Durability::Power,
            Durability::Process => fleet::Durability::Process,
            Durability::None => fleet::Durability::Nothing,
        },
        sync: broker.sync.get(),
        disk: broker.disk.map(ByteSize::get),
    }
}

/// What is known while a plan is put together.
struct Resolve {
    links: BTreeMap<String, usize>,
    groups: BTreeMap<String, usize>,
    length: Duration,
    problems: Vec<Problem>,
}

impl Resolve {
    fn links(&self, file: &File) -> Vec<fleet::Link> {
        let link = |link: &plan::Link| fleet::Link {
            name: link.name.value.clone(),
            latency: link.latency.get(),
            jitter: link.jitter.get(),
            bandwidth: link.bandwidth.map(ByteSize::get),
            dropouts: link
                .dropout_every
                .zip(link.dropout_lasts)
                .map(|(every, last)| fleet::Dropouts { every: every.get(), last: last.get() }),
        };
        if file.links.is_empty() {
            let latency = Duration::from_millis(1);
            let (name, jitter) = ("lan".to_owned(), Duration::ZERO);
            return vec![fleet::Link { name, latency, jitter, bandwidth: None, dropouts: None }];
        }
        file.links.iter().map(link).collect()
    }

    /// The place of what is named; the first one where it is not there, beside the problem.
    fn find(&mut self, name: &Placed<String>, links: bool) -> usize {
        let known = if links { &self.links } else { &self.groups };
        if let Some(place) = known.get(&name.value) {
            return *place;
        }
        let list: Vec<&str> = known.keys().map(String::as_str).take(8).collect();
        let expected = match (list.is_empty(), links) {
            (true, true) => "a name of `links`, of which there are none".to_owned(),
            (true, false) => "a name of `groups`, of which there are none".to_owned(),
            (false, true) => format!("the name of a link: {}", list.join(", ")),
            (false, false) => format!("the name of a group: {}", list.join(", ")),
        };
        self.problems.push(name.not_allowed(&format!("`{}`", name.value), expected));
        0
    }

    fn group(&mut self, group: &plan::Group) -> fleet::Group {
        let is_5 = group.protocol == Protocol::V5;
        if let Some(expiry) = group.session_expiry.as_ref().filter(|_| !is_5) {
            self.only_5(expiry, "session_expiry_interval of `broker.config` is for MQTT 3.1.1");
        }
        let seconds = |span: TimeSpan| u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
        let keep_alive = group.keep_alive.map_or(0, TimeSpan::as_secs);
        fleet::Group {
            name: group.name.value.clone(),
            clients: group.clients.value,
            link: group.link.as_ref().map_or(0, |link| self.find(link, true)),
            version: if is_5 { Version::V5 } else { Version::V3_1_1 },
            clean_session: group.clean_session,
            session_expiry: group.session_expiry.as_ref().map(|expiry| seconds(expiry.value)),
            keep_alive: u16::try_from(keep_alive).unwrap_or(u16::MAX),
            start_over: group.start_over.get(),
            reconnect: (group.reconnect_first.get(), group.reconnect_max.get()),
            queue: usize::try_from(group.queue).unwrap_or(usize::MAX),
            publish: group.publish.iter().filter_map(|one| self.publish(one, group)).collect(),
            subscribe: group
                .subscribe
                .iter()
                .filter_map(|one| self.subscribe(one, group))
                .collect(),
        }
    }

    fn only_5(&mut self, value: &Placed<TimeSpan>, instead: &str) {
        let expected = format!("`protocol: 5` beside it: {instead}");
        self.problems.push(value.not_allowed("a key of MQTT 5", expected));
    }

    fn publish(&mut self, publish: &plan::Publish, group: &plan::Group) -> Option<fleet::Publish> {
        if let Some(expiry) = publish.expiry.as_ref().filter(|_| group.protocol != Protocol::V5) {
            self.only_5(expiry, "messages of MQTT 3.1.1 do not expire");
        }
        let least = publish.payload.get();
        let most = publish.payload_max.as_ref().map_or(least, |most| most.value.get());
        if let Some(given) = publish.payload_max.as_ref().filter(|_| most < least) {
            let found = format!("`{}`", given.value);
            let expected = format!("at least `payload`, which is {}", publish.payload);
            self.problems.push(given.not_allowed(&found, expected));
        }
        let size = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
        Some(fleet::Publish {
            topic: self.pattern(&publish.topic, group, is_topic, "a topic without + and #")?,
            every: publish.every.get(),
            timing: match publish.timing {
                Timing::Regular => fleet::Timing::Regular,
                Timing::Random => fleet::Timing::Random,
                Timing::Together => fleet::Timing::Together,
            },
            burst: publish.burst,
            payload: (size(least), size(most.max(least))),
            qos: qos(publish.qos),
            retain: publish.retain,
            expiry: publish
                .expiry
                .as_ref()
                .map(|expiry| u32::try_from(expiry.value.as_secs()).unwrap_or(u32::MAX)),
        })
    }

    fn subscribe(
        &mut self,
        subscribe: &plan::Subscribe,
        group: &plan::Group,
    ) -> Option<fleet::Subscribe> {
        let expected = "a topic filter such as data/+/state or data/#";
        let filter = self.pattern(&subscribe.filter, group, is_filter, expected)?;
        if filter.is_drawn() {
            let found = format!("`{}`", subscribe.filter.value);
            let expected = "a filter without numbers that are drawn, such as data/{number}";
            self.problems.push(subscribe.filter.not_allowed(&found, expected));
        }
        Some(fleet::Subscribe { filter, qos: qos(subscribe.qos) })
    }

    /// A topic or filter, judged by what the last client of the group makes of it.
    fn pattern(
        &mut self,
        text: &Placed<String>,
        group: &plan::Group,
        is_right: fn(String) -> bool,
        expected: &str,
    ) -> Option<Pattern> {
        let found = format!("`{}`", text.value);
        match Pattern::parse(&text.value) {
            Ok(pattern) if is_right(pattern.sample(&group.name.value, group.clients.value)) => {
                return Some(pattern);
            }
            Ok(_) => self.problems.push(text.not_allowed(&found, expected)),
            Err(why) => self.problems.push(text.not_allowed(&found, format!("{expected}; {why}"))),
        }
        None
    }

    fn outage(&mut self, outage: &plan::Outage) -> Option<fleet::Outage> {
        if outage.at.value.get() >= self.length {
            let length = TimeSpan::from_millis(u64::try_from(self.length.as_millis()).unwrap_or(0));
            let found = format!("`{}`", outage.at.value);
            let expected = format!("a time before the end of the run, which lasts {length}");
            self.problems.push(outage.at.not_allowed(&found, expected));
        }
        let what = match (&outage.broker, &outage.link, &outage.group) {
            (Some(end), _, _) => fleet::Gone::Broker(match end {
                End::Stop => fleet::End::Stop,
                End::Crash => fleet::End::Crash,
                End::Power => fleet::End::Power,
            }),
            (_, Some(link), _) => fleet::Gone::Link(self.find(link, true)),
            (_, _, group) => fleet::Gone::Group(self.find(group.as_ref()?, false)),
        };
        Some(fleet::Outage {
            what,
            at: outage.at.value.get(),
            lasts: outage.lasts.get(),
            return_over: outage.return_over.get(),
        })
    }
}

fn is_topic(text: String) -> bool {
    TopicName::new(ByteString::from(text)).is_some_and(|topic| !topic.is_dollar())
}

fn is_filter(text: String) -> bool {
    TopicFilter::parse(ByteString::from(text)).is_ok()
}

const fn qos(qos: Qos) -> QoS {
    match qos {
        Qos::Zero => QoS::AtMostOnce,
        Qos::One => QoS::AtLeastOnce,
        Qos::Two => QoS::ExactlyOnce,
    }
}

#[cfg(test)]
mod tests;
