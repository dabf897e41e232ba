//! What goes wrong because the plan says so.

use super::network::Way;
use super::{Happening, World, nanos};
use crate::plan::{End, Gone};

impl World<'_> {
    pub(super) fn plan_outages(&mut self) {
        for (place, outage) in self.plan.outages.iter().enumerate() {
            let at = nanos(outage.at);
            self.schedule.set(at, Happening::OutageBegins(place));
            let end = at.saturating_add(nanos(outage.lasts));
            self.schedule.set(end, Happening::OutageEnds(place));
        }
    }

    pub(super) fn outage_begins(&mut self, place: usize) {
        let Some(outage) = self.plan.outages.get(place) else { return };
        match outage.what {
            Gone::Broker(end) => {
                self.machine.off += 1;
                match end {
                    End::Stop => self.stop_process(),
                    End::Crash if !self.machine.has_power => {}
                    End::Crash => self.end_process(true),
                    End::Power => self.end_process(false),
                }
            }
            Gone::Link(link) => {
                for client in self.clients_by_link(link) {
                    self.link_goes(client);
                }
            }
            Gone::Group(group) => {
                for client in self.clients_of(group) {
                    let Some(device) = self.devices.get_mut(client as usize) else { continue };
                    device.off += 1;
                    if device.off == 1 {
                        self.switch_off(client);
                    }
                }
            }
        }
    }

    pub(super) fn outage_ends(&mut self, place: usize) {
        let Some(outage) = self.plan.outages.get(place) else { return };
        match outage.what {
            Gone::Broker(_) => {
                self.machine.off -= 1;
                if self.machine.off == 0 {
                    // A stop that takes longer than the outage is over now.
                    self.end_process(true);
                    self.boot();
                }
            }
            Gone::Link(link) => {
                for client in self.clients_by_link(link) {
                    self.link_is_back(client);
                }
            }
            Gone::Group(group) => {
                for client in self.clients_of(group) {
                    let Some(device) = self.devices.get_mut(client as usize) else { continue };
                    device.off -= 1;
                    if device.off == 0 {
                        self.switch_on(client, nanos(outage.return_over));
                    }
                }
            }
        }
    }

    pub(super) fn plan_dropout(&mut self, client: u32) {
        let Some(device) = self.devices.get_mut(client as usize) else { return };
        let group = self.plan.groups.get(device.group).expect("it was made from it");
        let link = self.plan.links.get(group.link).expect("a plan's links are there");
        if let Some(dropouts) = link.dropouts {
            let delay = device.random.exponential(nanos(dropouts.every));
            self.after(delay, Happening::DropoutBegins(client));
        }
    }

    pub(super) fn dropout_begins(&mut self, client: u32) {
        self.link_goes(client);
        let Some(device) = self.devices.get_mut(client as usize) else { return };
        let group = self.plan.groups.get(device.group).expect("it was made from it");
        let link = self.plan.links.get(group.link).expect("a plan's links are there");
        if let Some(dropouts) = link.dropouts {
            let lasts = device.random.around(nanos(dropouts.last));
            self.after(lasts, Happening::DropoutEnds(client));
        }
    }

    pub(super) fn dropout_ends(&mut self, client: u32) {
        self.link_is_back(client);
        self.plan_dropout(client);
    }

    fn link_goes(&mut self, client: u32) {
        if let Some(device) = self.devices.get_mut(client as usize) {
            device.down += 1;
        }
    }

    /// What waited for the link is on its way.
    fn link_is_back(&mut self, client: u32) {
        let Some(device) = self.devices.get_mut(client as usize) else { return };
        device.down -= 1;
        if device.down == 0 {
            for id in device.conns.clone() {
                self.transmit(id, Way::Up);
                self.transmit(id, Way::Down);
            }
        }
    }

    fn clients_of(&self, group: usize) -> Vec<u32> {
        let devices = (0..).zip(&self.devices);
        devices.filter(|(_, device)| device.group == group).map(|(client, _)| client).collect()
    }

    fn clients_by_link(&self, link: usize) -> Vec<u32> {
        let uses = |group: usize| self.plan.groups.get(group).is_some_and(|g| g.link == link);
        let devices = (0..).zip(&self.devices);
        devices.filter(|(_, device)| uses(device.group)).map(|(client, _)| client).collect()
    }
}
