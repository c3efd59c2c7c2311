use super::*;
use proptest::prelude::*;

async fn read_all(reader: &mut BodyReader) -> Result<Vec<u8>, BodyError> {
    let mut out = Vec::new();
    while let Some(bytes) = reader.next().await? {
        out.extend_from_slice(&bytes);
    }
    Ok(out)
}

#[tokio::test]
async fn followers_read_while_it_is_written() {
    let fill = Fill::new(Retention::Whole);
    let mut follower = BodyReader::new(Body::Filling(fill.clone()), Role::Follower);
    fill.write(b"one ").unwrap();
    assert_eq!(follower.next().await, Ok(Some(Bytes::from_static(b"one "))));
    let rest = tokio::spawn(async move { read_all(&mut follower).await });
    fill.write(b"two").unwrap();
    let whole = fill.complete().expect("kept");
    assert_eq!(rest.await.unwrap(), Ok(b"two".to_vec()));
    assert_eq!(whole.as_ref(), [Bytes::from_static(b"one two")]);
}

#[tokio::test]
async fn an_abort_is_an_error_and_never_an_end() {
    let fill = Fill::new(Retention::Whole);
    fill.write(b"half").unwrap();
    fill.abort();
    let mut reader = BodyReader::new(Body::Filling(fill), Role::Follower);
    assert_eq!(reader.next().await, Ok(Some(Bytes::from_static(b"half"))));
    assert_eq!(reader.next().await, Err(BodyError::Aborted));
}

#[tokio::test]
async fn a_body_too_large_to_keep_is_held_in_a_window() {
    let fill = Fill::new(Retention::Window);
    let mut own = BodyReader::new(Body::Filling(fill.clone()), Role::Own);
    let mut follower = BodyReader::new(Body::Filling(fill.clone()), Role::Follower);
    let mib = vec![b'x'; 1024 * 1024];
    let mut read = 0;
    for _ in 0..64 {
        fill.write(&mib).unwrap();
        read += own.next().await.unwrap().unwrap().len();
        assert!(fill.segments() <= 6, "the window grew");
    }
    assert!(fill.complete().is_none());
    assert_eq!(read, 64 * 1024 * 1024);
    assert_eq!(own.next().await, Ok(None));
    assert_eq!(follower.next().await, Err(BodyError::Lagged));
}

#[test]
fn a_body_that_nobody_reads_and_nobody_keeps_is_given_up() {
    let fill = Fill::new(Retention::Window);
    let mib = vec![b'x'; 1024 * 1024];
    let given_up = (0..64).find_map(|n| fill.write(&mib).err().map(|error| (n, error)));
    assert_eq!(given_up, Some((17, BodyError::Unread)));
}

#[test]
fn in_flight_bytes_are_bounded_and_small_bodies_have_a_share_of_their_own() {
    const LARGE: u64 = 1024 * 1024;
    let in_flight = InFlight::new(2 * LARGE, 100);
    assert_eq!(in_flight.reserve(LARGE, 0), Reserve::Taken);
    assert_eq!(in_flight.reserve(LARGE, LARGE), Reserve::Taken);
    assert_eq!(in_flight.reserve(1, LARGE), Reserve::Full);
    assert_eq!(in_flight.reserve(60, 0), Reserve::Taken);
    assert_eq!(in_flight.reserve(60, 0), Reserve::Full);
    in_flight.release(60);
    assert_eq!(in_flight.reserve(100, 0), Reserve::Taken);
}

proptest! {
    #[test]
    fn ranges_are_slices(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..8),
        start in 0usize..400,
        length in 0usize..400,
    ) {
        let whole: Vec<u8> = chunks.concat();
        let (start, end) = (start.min(whole.len()), (start + length).min(whole.len()));
        let (start, end) = (start.min(end), end);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let fill = Fill::new(Retention::Whole);
        for chunk in &chunks {
            fill.write(chunk).unwrap();
        }
        let stored = Body::Whole(fill.complete().unwrap());
        for body in [Body::Filling(fill), stored] {
            let mut reader = BodyReader::new(body, Role::Follower);
            reader.seek(start as u64, Some(end as u64)).unwrap();
            prop_assert_eq!(runtime.block_on(read_all(&mut reader)).unwrap(), &whole[start..end]);
            reader.seek(start as u64, None).unwrap();
            prop_assert_eq!(runtime.block_on(read_all(&mut reader)).unwrap(), &whole[start..]);
        }
    }
}
