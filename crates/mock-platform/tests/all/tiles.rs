//! The map tiles of an aspect map.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use miniz_oxide::inflate::decompress_to_vec_zlib;
use oge_mock_platform::{MOUNT_TAI, Mock, Outcome, Route};
use serde_json::{Value, json};

use crate::client::{TestRequest, aspect, outcomes, start, start_with_token};

const SIZE: usize = 256;
/// The palette's index of pixels outside the extent.
const OUTSIDE: u8 = 0;

/// A decoded tile.
struct Image {
    palette: Vec<[u8; 3]>,
    rows: Vec<Vec<u8>>,
}

impl Image {
    fn decode(png: &[u8]) -> Self {
        let mut rest = png.strip_prefix(b"\x89PNG\r\n\x1a\n").unwrap();
        let mut chunks = Vec::new();
        while let Some((length, tail)) = rest.split_first_chunk() {
            let (checked, tail) = tail.split_at(4 + u32::from_be_bytes(*length) as usize);
            let (checksum, tail) = tail.split_first_chunk().unwrap();
            assert_eq!(u32::from_be_bytes(*checksum), crc(checked));
            chunks.push(checked.split_first_chunk().unwrap());
            rest = tail;
        }
        let [
            (b"IHDR", header),
            (b"PLTE", palette),
            (b"tRNS", [0]),
            (b"IDAT", pixels),
            (b"IEND", []),
        ] = chunks[..]
        else {
            panic!("other chunks");
        };
        assert_eq!(header, [0, 0, 1, 0, 0, 0, 1, 0, 8, 3, 0, 0, 0]);
        let pixels = decompress_to_vec_zlib(pixels).unwrap();
        assert_eq!(pixels.len(), SIZE * (1 + SIZE));
        let palette = palette.as_chunks().0.to_vec();
        let rows = pixels.chunks(1 + SIZE).map(|row| {
            assert!(row[0] == 0 && row.iter().all(|index| usize::from(*index) < palette.len()));
            row[1..].to_vec()
        });
        Self { rows: rows.collect(), palette }
    }

    fn column(&self, index: usize) -> Vec<u8> {
        self.rows.iter().map(|row| row[index]).collect()
    }
}

/// The checksum of the PNG specification, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

/// Requests an address like a map program: without a token and a `Content-Type`.
fn get(target: &str) -> TestRequest {
    TestRequest::new("GET", target).without(CONTENT_TYPE.as_str()).without(AUTHORIZATION.as_str())
}

async fn tile(mock: &Mock, template: &str, zoom: u32, x: u32, y: u32) -> Image {
    let target = template.strip_prefix(mock.origin()).unwrap();
    let target = [("{z}", zoom), ("{x}", x), ("{y}", y)]
        .iter()
        .fold(target.to_owned(), |target, (name, number)| {
            target.replace(name, &number.to_string())
        });
    let response = get(&target).send(mock).await;
    assert_eq!(response.status, 200, "{target}");
    assert_eq!(response.content_type.as_ref().unwrap(), "image/png");
    Image::decode(response.body.as_ref().unwrap())
}

fn differences(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).filter(|(one, other)| one != other).count()
}

#[tokio::test]
async fn the_address_in_a_response_serves_the_colours_of_its_legend() {
    let (mock, token) = start_with_token().await;
    let response = aspect(&token, &json!(MOUNT_TAI)).send(&mock).await.json();
    let data = &response["data"];
    assert_eq!(data["url"], mock.tiles_url());
    let image = tile(&mock, data["url"].as_str().unwrap(), 12, 3380, 1604).await;
    let legend = data["legend"].as_array().unwrap().iter().map(|entry| entry["color"].clone());
    let colors = image.palette[1..].iter();
    let colors = colors.map(|[r, g, b]| Value::from(format!("#{r:02X}{g:02X}{b:02X}")));
    assert!(legend.eq(colors));
    for class in 1..image.palette.len() {
        assert!(image.rows.concat().contains(&(class as u8)), "class {class} is not on the map");
    }
    assert!(!image.rows.concat().contains(&OUTSIDE));
}

#[tokio::test]
async fn neighbouring_tiles_agree_at_their_edge() {
    let mock = start().await;
    let url = mock.tiles_url();
    let here = tile(&mock, &url, 14, 13521, 6417).await;
    let east = tile(&mock, &url, 14, 13522, 6417).await;
    let south = tile(&mock, &url, 14, 13521, 6418).await;
    for (edge, next, far) in [
        (here.column(255), east.column(0), east.column(255)),
        (here.rows[255].clone(), south.rows[0].clone(), south.rows[255].clone()),
    ] {
        assert!(differences(&edge, &next) < SIZE / 10);
        // What the comparison with a wrong tile would find.
        assert!(differences(&edge, &far) > SIZE / 3);
    }
}

#[tokio::test]
async fn a_tile_shows_the_same_as_the_four_of_the_next_zoom() {
    let mock = start().await;
    let url = mock.tiles_url();
    let whole = tile(&mock, &url, 13, 6760, 3208).await;
    for (x, y) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let part = tile(&mock, &url, 14, 13520 + x, 6416 + y).await;
        let (x, y) = (x as usize * SIZE / 2, y as usize * SIZE / 2);
        let mut different = 0;
        for row in 0..SIZE / 2 {
            let halved: Vec<u8> = part.rows[2 * row].iter().copied().step_by(2).collect();
            different += differences(&halved, &whole.rows[y + row][x..]);
        }
        // A pixel is half a pixel of the next zoom away.
        assert!(different < SIZE * SIZE / 4 / 20, "{x} {y}: {different}");
    }
}

#[tokio::test]
async fn nothing_is_drawn_outside_the_extent() {
    let (mock, token) = start_with_token().await;
    // The eastern half of the world's north, whose edges are edges of pixels.
    let response = aspect(&token, &json!([0, 0, 180, 80])).send(&mock).await.json();
    let url = response["data"]["url"].as_str().unwrap();
    let world = tile(&mock, url, 0, 0, 0).await;
    for (row, pixels) in world.rows.iter().enumerate() {
        for (column, pixel) in pixels.iter().enumerate() {
            let is_inside = (29..128).contains(&row) && column >= 128;
            assert_eq!(*pixel != OUTSIDE, is_inside, "row {row}, column {column}");
        }
    }
    let elsewhere = tile(&mock, url, 3, 0, 0).await;
    assert!(elsewhere.rows.concat().iter().all(|pixel| *pixel == OUTSIDE));
}

#[tokio::test]
async fn a_tile_or_layer_that_does_not_exist_gets_404() {
    let mock = start().await;
    let layer = "/oge-tiles/aspect_117_36.18_117.2_36.33";
    for target in [
        format!("{layer}/23/0/0.png"),
        format!("{layer}/12/4096/0.png"),
        format!("{layer}/12/0/4096.png"),
        format!("{layer}/12/-1/0.png"),
        format!("{layer}/12/0/0.jpg"),
        format!("{layer}/"),
        "/oge-tiles/aspect_3_2_1_4/0/0/0.png".to_owned(),
        "/oge-tiles/slope_1_2_3_4/0/0/0.png".to_owned(),
    ] {
        assert_eq!(get(&target).send(&mock).await.status, 404, "{target}");
    }
    assert_eq!(outcomes(&mock, Route::Tile), [Outcome::Refused; 8]);
    assert!(!mock.requests(Route::Tile)[0].authorized);
}

#[tokio::test]
async fn a_tile_needs_no_token_and_uses_none() {
    let (mock, token) = start_with_token().await;
    mock.expire_after(1);
    let target = mock.tile_url().strip_prefix(mock.origin()).unwrap().to_owned();
    assert_eq!(get(&target).token(&token).send(&mock).await.status, 200);
    assert_eq!(TestRequest::state(&token).send(&mock).await.text(), "starting");
    mock.reject_all_tokens(true);
    assert_eq!(get(&target).send(&mock).await.status, 200);
    assert_eq!(outcomes(&mock, Route::Tile), [Outcome::Accepted; 2]);
}
