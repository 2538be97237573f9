//! Photoshop image resources: the block in which JPEG and TIFF keep IPTC.

/// Resource that holds the IPTC records.
pub(crate) const IPTC: u16 = 0x0404;
/// Resources that hold a thumbnail.
const THUMBNAILS: [u16; 2] = [0x0409, 0x040C];

/// One resource: its number, where it begins and ends, and where its data are.
struct Resource {
    id: u16,
    start: usize,
    end: usize,
    data: std::ops::Range<usize>,
}

/// The resources of a block, up to the first that is malformed.
fn resources(block: &[u8]) -> Vec<Resource> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(resource) = resource_at(block, start) {
        start = resource.end;
        found.push(resource);
    }
    found
}

fn resource_at(block: &[u8], start: usize) -> Option<Resource> {
    if block.get(start..start + 4)? != b"8BIM" {
        return None;
    }
    let id = u16::from_be_bytes(block.get(start + 4..start + 6)?.try_into().ok()?);
    let name = usize::from(*block.get(start + 6)?);
    let size_at = start + 6 + (1 + name).next_multiple_of(2);
    let size = u32::from_be_bytes(block.get(size_at..size_at + 4)?.try_into().ok()?) as usize;
    let data = size_at + 4..size_at + 4 + size;
    block.get(data.clone())?;
    let end = data.start + size.next_multiple_of(2);
    Some(Resource { id, start, end: end.min(block.len()), data })
}

/// The data of resource `id`.
pub(crate) fn find(block: &[u8], id: u16) -> Option<&[u8]> {
    let resource = resources(block).into_iter().find(|resource| resource.id == id)?;
    block.get(resource.data)
}

/// The block without its thumbnails, which show the old picture.
pub(crate) fn without_thumbnails(block: Vec<u8>) -> Vec<u8> {
    let mut kept = block;
    for resource in resources(&kept).into_iter().rev() {
        if THUMBNAILS.contains(&resource.id) {
            kept.drain(resource.start..resource.end);
        }
    }
    kept
}

/// A block with only the resource `id`.
pub(crate) fn wrap(id: u16, data: &[u8]) -> Vec<u8> {
    let mut block = b"8BIM".to_vec();
    block.extend(id.to_be_bytes());
    block.extend([0, 0]);
    block.extend((data.len() as u32).to_be_bytes());
    block.extend(data);
    block.resize(block.len().next_multiple_of(2), 0);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_go_and_the_rest_stays() {
        let mut block = wrap(IPTC, b"odd");
        block.extend(wrap(0x040C, b"thumbnail"));
        block.extend(wrap(0x0425, b"0123456789abcdef"));
        let mut expected = wrap(IPTC, b"odd");
        expected.extend(wrap(0x0425, b"0123456789abcdef"));
        let kept = without_thumbnails(block);
        assert_eq!(kept, expected);
        assert_eq!(find(&kept, IPTC), Some(&b"odd"[..]));
        assert_eq!(find(&kept, 0x040C), None);
        assert_eq!(without_thumbnails(b"8BIM\x04".to_vec()), b"8BIM\x04");
    }
}
