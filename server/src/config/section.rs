//! Sections: a struct, the table of its keys, and how both meet a document.

/// Declares a section: its struct, the table of its keys, and how both meet a document.
///
/// `checked by` names the function that judges values against each other.
macro_rules! section {
    (
        $(#[doc = $doc:literal])+
        $name:ident checked by $check:path {
            $(
                $(#[doc = $field_doc:literal])+
                $field:ident: $type:ty = $preset:expr, $kind:expr;
            )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $( $(#[doc = $field_doc])+ pub $field: $type, )+
        }

        impl Section for $name {
            const KEYS: &'static [Key] = &[$(
                Key {
                    name: stringify!($field),
                    kind: $kind,
                    preset: $preset,
                    doc: concat!($($field_doc, "\n"),+),
                },
            )+];
        }

        impl Field for $name {
            fn read(reader: &mut Reader, given: Given<'_>, _: &Key) -> Option<Self> {
                let entries = reader.entries(given, Self::KEYS)?;
                // All are read, and their problems noted, before the first failure ends this.
                $( let $field = reader.field(&entries, Self::KEYS, stringify!($field)); )+
                let section = Self { $( $field: $field?, )+ };
                $check(&section, reader, &entries.place);
                Some(section)
            }

            fn show(&self, _: &Key, path: &str, shown: &mut Vec<(String, String)>) {
                let mut keys = Self::KEYS.iter();
                $(
                    if let Some(key) = keys.next() {
                        Field::show(&self.$field, key, &join(path, stringify!($field)), shown);
                    }
                )+
            }
        }
    };
}

pub(crate) use section;
