//! Folding: what repeats, and what is too much for one picture.

use super::{Arrow, Folded, Row};

/// Packets that are alike and in a row, shown one by one.
const ALIKE_SHOWN: usize = 2;
/// Rows at the beginning and at the end that are kept when there are more than both.
const FIRST_ROWS: usize = 44;
const LAST_ROWS: usize = 16;

/// Fewer rows that tell the same.
pub(super) fn fold(rows: Vec<Row>) -> Vec<Row> {
    let mut folded: Vec<Row> = Vec::new();
    for row in rows {
        match row {
            Row::Packet(arrow) if is_one_more(&folded, &arrow) => push(&mut folded, of(&arrow)),
            Row::Folded(more) => push(&mut folded, more),
            other => folded.push(other),
        }
    }
    shorten(folded)
}

/// True when the last rows are segments like this one already.
fn is_one_more(rows: &[Row], arrow: &Arrow) -> bool {
    let Some(kind) = kind(arrow) else { return false };
    let packets = rows.iter().rev().filter(|row| !matches!(row, Row::Folded(_)));
    let alike = packets.take_while(
        |row| matches!(row, Row::Packet(last) if self::kind(last).as_ref() == Some(&kind)),
    );
    alike.count() >= ALIKE_SHOWN
}

/// What two segments must have in common to be alike; `None` for one that is always shown.
fn kind(arrow: &Arrow) -> Option<(bool, usize, Vec<&str>)> {
    let always = ["SYN", "FIN", "RST", "MP_", "ADD_ADDR", "REMOVE_ADDR", "DATA_FIN", "infinite"];
    if always.iter().any(|word| arrow.text.contains(word)) {
        return None;
    }
    let notes = arrow.changes.iter().map(|note| note.text.as_str()).collect();
    Some((arrow.text.contains(" bytes"), arrow.towards, notes))
}

fn of(arrow: &Arrow) -> Folded {
    let bytes = arrow.text.split(", ").find_map(|part| part.split(" bytes").next()?.parse().ok());
    Folded {
        from: arrow.at,
        to: arrow.at,
        data: u64::from(bytes.is_some()),
        acks: u64::from(bytes.is_none()),
        bytes: bytes.unwrap_or(0),
    }
}

/// Adds to the last row where that is folded, too.
fn push(rows: &mut Vec<Row>, more: Folded) {
    match rows.last_mut() {
        Some(Row::Folded(last)) => {
            last.from = last.from.min(more.from);
            last.to = last.to.max(more.to);
            last.data += more.data;
            last.acks += more.acks;
            last.bytes += more.bytes;
        }
        _ => rows.push(Row::Folded(more)),
    }
}

/// The beginning and the end in full, and what is between them folded.
fn shorten(rows: Vec<Row>) -> Vec<Row> {
    if rows.len() <= FIRST_ROWS + LAST_ROWS {
        return rows;
    }
    let last = rows.len() - LAST_ROWS;
    let mut out: Vec<Row> = Vec::new();
    for (k, row) in rows.into_iter().enumerate() {
        match row {
            Row::Packet(arrow) if (FIRST_ROWS..last).contains(&k) => push(&mut out, of(&arrow)),
            Row::Folded(more) => push(&mut out, more),
            other => out.push(other),
        }
    }
    out
}
