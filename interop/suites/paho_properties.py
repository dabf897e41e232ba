"""Properties of MQTT 5.0 as paho-mqtt has them; aiomqtt takes and gives the same."""

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from suites.harness import CONTENT_TYPE, CORRELATION_DATA, MESSAGE_EXPIRY, USER_PROPERTIES

ALL_OF_A_MESSAGE = {
    "PayloadFormatIndicator": 1,
    "MessageExpiryInterval": MESSAGE_EXPIRY,
    "ContentType": CONTENT_TYPE,
    "ResponseTopic": "interop/answers/here",
    "CorrelationData": CORRELATION_DATA,
    "UserProperty": USER_PROPERTIES,
}


def of_connect(**properties):
    return _properties(PacketTypes.CONNECT, properties)


def of_will(**properties):
    return _properties(PacketTypes.WILLMESSAGE, properties)


def of_publish(**properties):
    return _properties(PacketTypes.PUBLISH, properties)


def of_subscribe(**properties):
    return _properties(PacketTypes.SUBSCRIBE, properties)


def of_disconnect(**properties):
    return _properties(PacketTypes.DISCONNECT, properties)


def assert_all_of_a_message(properties):
    """They are ALL_OF_A_MESSAGE and nothing else, but for the time that has passed."""
    got = properties.json()
    assert 0 < got["MessageExpiryInterval"] <= MESSAGE_EXPIRY, got
    in_hex = {"CorrelationData": CORRELATION_DATA.hex()}
    passed = {"MessageExpiryInterval": got["MessageExpiryInterval"]}
    assert got == ALL_OF_A_MESSAGE | in_hex | passed, got


def _properties(packet, values):
    properties = Properties(packet)
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
