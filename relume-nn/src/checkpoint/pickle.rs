//! A pickle becomes data: [`read`] notes what the file asks to be called and calls nothing.
//!
//! Only the opcodes of protocols 2 to 5 that PyTorch writes are known. Objects live in one list
//! and refer to each other by place, so that shared and circular references cost nothing.

use std::collections::HashMap;
use std::rc::Rc;

/// Opcodes one pickle may have: bounds memory to about 200 MB.
const MAX_OPCODES: usize = 2_000_000;

/// Place of an object in [`Pickle::objects`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place(usize);

/// A value: a leaf, or the place of an object.
#[derive(Debug, Clone)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i128),
    /// A number with a fraction; nothing here needs to know it.
    Float,
    Text(Rc<str>),
    /// Raw bytes; nothing here needs to know them.
    Bytes,
    /// A function or class by module and name, such as `torch FloatStorage`.
    Global(Rc<str>),
    Object(Place),
}

/// An object that is built up by several opcodes.
#[derive(Debug)]
pub(super) enum Object {
    Tuple(Vec<Value>),
    /// Lists and sets.
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// What would come of calling `name`, with the items put into it afterwards.
    Call {
        name: Rc<str>,
        arguments: Value,
        items: Vec<(Value, Value)>,
    },
    /// Something kept outside the pickle, by its identification.
    Persistent(Value),
}

/// A pickle as data.
#[derive(Debug)]
pub(super) struct Pickle {
    objects: Vec<Object>,
    /// The value the pickle stands for.
    pub(super) root: Value,
    /// Bytes read, up to and with the final opcode.
    pub(super) length: usize,
}

impl Pickle {
    /// The object a value refers to.
    pub(super) fn object(&self, value: &Value) -> Option<&Object> {
        match value {
            Value::Object(place) => self.objects.get(place.0),
            _ => None,
        }
    }

    /// All objects.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter()
    }

    /// The members of a tuple or list.
    pub(super) fn sequence(&self, value: &Value) -> Option<&[Value]> {
        match self.object(value)? {
            Object::Tuple(values) | Object::List(values) => Some(values),
            _ => None,
        }
    }
}

/// Reads the pickle that `bytes` begin with; `allowed` says which globals may be named.
///
/// # Errors
/// A sentence on damage, on an unknown opcode, or naming the global that is refused.
pub(super) fn read(bytes: &[u8], allowed: fn(&str) -> bool) -> Result<Pickle, String> {
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        objects: Vec::new(),
        allowed,
    };
    for _ in 0..MAX_OPCODES {
        let opcode = machine.byte()?;
        if opcode == b'.' {
            let root = machine.pop()?;
            return Ok(Pickle { objects: machine.objects, root, length: machine.at });
        }
        machine.step(opcode)?;
    }
    Err(format!("the pickle has more than {MAX_OPCODES} opcodes"))
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    objects: Vec<Object>,
    allowed: fn(&str) -> bool,
}

type Step = Result<(), String>;

impl Machine<'_> {
    fn step(&mut self, opcode: u8) -> Step {
        match opcode {
            b'N' | 0x88 | 0x89 | b'J' | b'K' | b'M' | 0x8a | b'G' => self.number(opcode),
            b'X' | 0x8c | 0x8d | b'T' | b'U' | b'B' | b'C' | 0x8e => self.text(opcode),
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.remember(opcode),
            b')' | 0x85 | 0x86 | 0x87 | b't' | b']' | b'}' | 0x8f => self.container(opcode),
            b'a' | b'e' | 0x90 | b's' | b'u' => self.fill(opcode),
            b'c' | 0x93 | b'R' | 0x81 | b'b' | b'Q' => self.call(opcode),
            0x80 => self.take(1).map(|_| ()),
            0x95 => self.take(8).map(|_| ()),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(|_| ()),
            b'1' => self.since_mark().map(|_| ()),
            _ => Err(format!(
                "the pickle has opcode {opcode:#04x} at byte {}, which no checkpoint needs",
                self.at - 1
            )),
        }
    }

    fn number(&mut self, opcode: u8) -> Step {
        let value = match opcode {
            b'N' => Value::None,
            0x88 | 0x89 => Value::Bool(opcode == 0x88),
            b'J' => Value::Int(i32::from_le_bytes(self.array()?).into()),
            b'K' => Value::Int(self.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
            b'G' => {
                self.take(8)?;
                Value::Float
            }
            _ => {
                let length = self.byte()?.into();
                Value::Int(long(self.take(length)?)?)
            }
        };
        self.push(value)
    }

    fn text(&mut self, opcode: u8) -> Step {
        let length = match opcode {
            0x8c | b'U' | b'C' => self.byte()?.into(),
            b'X' | b'T' | b'B' => u32::from_le_bytes(self.array()?).into(),
            _ => u64::from_le_bytes(self.array()?),
        };
        let length = usize::try_from(length).map_err(|_| self.short())?;
        let bytes = self.take(length)?;
        let value = match opcode {
            b'B' | b'C' | 0x8e => Value::Bytes,
            // Python 2 wrote keys as byte strings.
            _ => Value::Text(std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8")?.into()),
        };
        self.push(value)
    }

    fn remember(&mut self, opcode: u8) -> Step {
        let index = match opcode {
            b'q' | b'h' => self.byte()?.into(),
            b'r' | b'j' => u32::from_le_bytes(self.array()?),
            _ => u32::try_from(self.memo.len()).map_err(|e| e.to_string())?,
        };
        if matches!(opcode, b'h' | b'j') {
            let value = self.memo.get(&index).ok_or("the pickle recalls what it never kept")?;
            return self.push(value.clone());
        }
        let value = self.stack.last().ok_or("the pickle keeps nothing")?.clone();
        self.memo.insert(index, value);
        Ok(())
    }

    fn container(&mut self, opcode: u8) -> Step {
        let object = match opcode {
            b']' | 0x8f => Object::List(Vec::new()),
            b'}' => Object::Dict(Vec::new()),
            b't' => Object::Tuple(self.since_mark()?),
            b')' => Object::Tuple(Vec::new()),
            _ => {
                let count = usize::from(opcode - 0x84);
                let first = self.stack.len().checked_sub(count).ok_or_else(empty)?;
                Object::Tuple(self.stack.split_off(first))
            }
        };
        self.push_object(object)
    }

    fn fill(&mut self, opcode: u8) -> Step {
        let mut values = match opcode {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.since_mark()?,
        };
        let Some(Value::Object(place)) = self.stack.last() else {
            return Err("the pickle fills what is no container".into());
        };
        let target = &mut self.objects[place.0];
        match (opcode, target) {
            (b'a' | b'e' | 0x90, Object::List(list)) => list.append(&mut values),
            (b's' | b'u', Object::Dict(items) | Object::Call { items, .. }) => {
                if values.len() % 2 == 1 {
                    return Err("the pickle has a key without a value".into());
                }
                let mut values = values.into_iter();
                while let (Some(key), Some(value)) = (values.next(), values.next()) {
                    items.push((key, value));
                }
            }
            _ => return Err("the pickle fills what is no container".into()),
        }
        Ok(())
    }

    fn call(&mut self, opcode: u8) -> Step {
        match opcode {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)
            }
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => self.global(&module, &name),
                _ => Err("the pickle names a global by what is no text".into()),
            },
            b'b' => self.pop().map(|_| ()), // attributes: of no use here
            b'Q' => {
                let id = self.pop()?;
                self.push_object(Object::Persistent(id))
            }
            _ => {
                let arguments = self.pop()?;
                let Value::Global(name) = self.pop()? else {
                    return Err("the pickle calls what is no function".into());
                };
                self.push_object(Object::Call { name, arguments, items: Vec::new() })
            }
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Step {
        let full = format!("{module} {name}");
        if !(self.allowed)(&full) {
            return Err(format!(
                "the pickle asks for {module}.{name}, which is refused: save the state_dict alone"
            ));
        }
        self.push(Value::Global(full.into()))
    }

    fn push(&mut self, value: Value) -> Step {
        self.stack.push(value);
        Ok(())
    }

    fn push_object(&mut self, object: Object) -> Step {
        self.objects.push(object);
        self.push(Value::Object(Place(self.objects.len() - 1)))
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(empty)
    }

    fn since_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().ok_or("the pickle lacks a mark")?;
        if mark > self.stack.len() {
            return Err(empty());
        }
        Ok(self.stack.split_off(mark))
    }

    fn take(&mut self, length: usize) -> Result<&[u8], String> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| self.short())?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn line(&mut self) -> Result<String, String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&b| b == b'\n').ok_or_else(|| self.short())?;
        let line = std::str::from_utf8(&rest[..length]).map_err(|_| "a name is not UTF-8")?;
        self.at += length + 1;
        Ok(line.to_owned())
    }

    fn short(&self) -> String {
        format!("the pickle ends too early, at byte {}", self.bytes.len())
    }
}

fn empty() -> String {
    "the pickle takes from an empty stack".into()
}

/// A little-endian two's complement number of any length up to 16 bytes.
fn long(bytes: &[u8]) -> Result<i128, String> {
    if bytes.len() > 16 {
        return Err("the pickle has a number of more than 128 bits".into());
    }
    let sign = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
    let mut whole = [sign; 16];
    whole[..bytes.len()].copy_from_slice(bytes);
    Ok(i128::from_le_bytes(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        read(bytes, |name| name == "collections OrderedDict").unwrap_err()
    }

    #[test]
    fn nothing_is_called_and_strangers_are_refused_by_name() {
        assert!(refusal(b"\x80\x02cos\nsystem\nU\x02ls\x85R.").contains("os.system"));
        assert!(refusal(b"\x80\x04\x8c\x02nt\x8c\x06system\x93.").contains("nt.system"));
        assert!(refusal(b"\x80\x02i").contains("0x69"), "INST makes objects by class name");
        assert!(refusal(b"\x80\x02K\x01)R.").contains("no function"));
    }

    #[test]
    fn damage_is_an_error() {
        for bytes in [
            &b""[..],
            b".",
            b"\x80\x02",
            b"t.",
            b"\x87.",
            b"(0t.",
            b"h\x07.",
            b"X\xff\xff\xff\xffab",
            b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffab",
            b"\x8a\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.",
            b"ccollections",
            b"}(K\x01u.",
            b"K\x01K\x02a.",
            b"]K\x01K\x02s.",
        ] {
            assert!(read(bytes, |_| true).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn shared_objects_are_kept_once() {
        // Each level holds the one before it twice: 2^300 leaves if it were copied.
        let mut bytes = b"\x80\x02]q\x00".to_vec();
        bytes.extend((0..300).flat_map(|_| *b"h\x00h\x00\x86q\x00"));
        bytes.push(b'.');
        let pickle = read(&bytes, |_| false).unwrap();
        assert_eq!(pickle.sequence(&pickle.root).unwrap().len(), 2);
        assert_eq!(pickle.length, bytes.len());
    }

    #[test]
    fn numbers_and_texts_are_what_python_wrote() {
        // pickle.dumps((-2, 300, 70000, 2**40, True, "é"), 2)
        let bytes = b"\x80\x02(J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\x8a\x06\x00\x00\x00\x00\x00\x01\x88X\x02\x00\x00\x00\xc3\xa9tq\x00.";
        let pickle = read(bytes, |_| false).unwrap();
        let values = pickle.sequence(&pickle.root).unwrap();
        let ints: Vec<i128> = values
            .iter()
            .filter_map(|value| if let Value::Int(n) = value { Some(*n) } else { None })
            .collect();
        assert_eq!(ints, [-2, 300, 70000, 1 << 40]);
        assert!(matches!(&values[5], Value::Text(text) if &**text == "é"));
    }
}
