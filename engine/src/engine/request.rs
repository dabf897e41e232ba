//! Requests of the management interface: asked in one step, answered in that step or, where the
//! answer promises something, as soon as that is durable.

use crate::action::Action;
use crate::answer::{Answer, Numbers};
use crate::engine::Engine;
use crate::message::Content;
use crate::planted::Bug;
use crate::request::{Query, Request, RequestId};

impl Engine {
    pub(super) fn request(&mut self, id: RequestId, request: Request) {
        match request {
            Request::Query(query) => {
                let answer = self.query(query);
                self.out.push(Action::Answer { id, answer });
            }
            Request::Command(command) => {
                let answer = self.command(command);
                // Whatever follows from it, or was done by an earlier order, is durable by then as
                // well, so that a repeated one is not answered too early.
                self.close_those_due();
                let after = self.lsn;
                if after <= self.durable || self.config.planted.is(Bug::AnswerBeforeSync) {
                    self.out.push(Action::Answer { id, answer });
                } else {
                    self.answers.push_back((after, id, answer));
                }
            }
        }
    }

    /// Gives the answers that waited for what is durable now.
    pub(super) fn release_answers(&mut self) {
        while self.answers.front().is_some_and(|(after, ..)| *after <= self.durable) {
            let Some((_, id, answer)) = self.answers.pop_front() else { return };
            self.out.push(Action::Answer { id, answer });
        }
    }

    fn query(&mut self, query: Query) -> Answer {
        match query {
            Query::Numbers => {
                let (sizes, counters) = (self.sizes(), *self.counters());
                Answer::Numbers(Box::new(Numbers { sizes, counters }))
            }
            Query::Clients { start, limit, containing } => {
                Answer::Clients(self.list_clients(start, limit, containing.as_deref()))
            }
            Query::Client(client) => Answer::Client(self.view_of_client(&client).map(Box::new)),
            Query::Sessions { start, limit, containing, online } => {
                Answer::Sessions(self.list_sessions(start, limit, containing.as_deref(), online))
            }
            Query::Session(client) => Answer::Session(self.view_of_session(&client).map(Box::new)),
            Query::Subscriptions { of, start, limit } => {
                Answer::Subscriptions(self.list_subscriptions(of, start, limit))
            }
            Query::Retained { filter, after, limit } => {
                Answer::Retained(self.list_retained(filter, after, limit))
            }
            Query::RetainedMessage(topic) => {
                let message = self.retained.get(topic.as_str());
                Answer::RetainedMessage(message.map(|message| Box::new(Content::clone(message))))
            }
            Query::Explain { client, topic, qos } => {
                Answer::Explanation(Box::new(self.explain(&client, &topic, qos)))
            }
            Query::Recent { client, limit } => {
                Answer::Recent(self.history.newest(client.as_ref(), limit))
            }
            Query::Topics => Answer::Topics(self.watch.look(self.now)),
        }
    }
}
