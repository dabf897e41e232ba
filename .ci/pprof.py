"""A small reader of the profiles that `go tool pprof` reads.

Written from the description of the format, not from our writer:
https://github.com/google/pprof/blob/main/proto/profile.proto
"""

import gzip


class Profile:
    """What a profile says: for each sample the functions, innermost first, and the values."""

    def __init__(self, path):
        fields = list(_fields(gzip.decompress(path.read_bytes())))
        self.texts = [value.decode() for field, value in fields if field == 6]
        self.kinds = [self._pair(value) for field, value in fields if field == 1]
        functions, locations = {}, {}
        for value in _all(fields, 5):
            function = dict(_fields(value))
            functions[function[1]] = self.texts[function.get(2, 0)]
        for value in _all(fields, 4):
            location = list(_fields(value))
            lines = [dict(_fields(line)) for line in _all(location, 4)]
            locations[dict(location)[1]] = [functions[line[1]] for line in lines]
        self.samples = []
        for value in _all(fields, 2):
            sample = list(_fields(value))
            calls = [locations[number] for number in _packed(sample, 1)]
            names = [name for call in calls for name in call]
            labels = dict(self._pair(label) for label in _all(sample, 3))
            self.samples.append((names, _packed(sample, 2), labels))

    def total(self, kind, function=""):
        """The sum of one kind of value, of all samples or of those with a function like this."""
        index = [name for name, _ in self.kinds].index(kind)
        return sum(
            values[index]
            for names, values, _ in self.samples
            if not function or any(function in name for name in names)
        )

    def _pair(self, message):
        pair = dict(_fields(message))
        return self.texts[pair.get(1, 0)], self.texts[pair.get(2, 0)]


def _fields(data):
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 == 0:
            value, at = _varint(data, at)
        elif key & 7 == 2:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
            if len(value) != length:
                raise ValueError("the profile ends in the middle of a field")
        else:
            raise ValueError(f"wire type {key & 7}")
        yield key >> 3, value


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _all(fields, number):
    return [value for field, value in fields if field == number]


def _packed(fields, number):
    values = []
    for data in _all(fields, number):
        at = 0
        while at < len(data):
            value, at = _varint(data, at)
            values.append(value)
    return values
