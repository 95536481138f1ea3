//! A table in plain text, for the end of a run.

/// Lines of a table: each cell is wrapped to its column's width, columns stand two blanks apart.
pub fn lines<const N: usize>(
    head: [&str; N],
    rows: &[[String; N]],
    most: [usize; N],
) -> Vec<String> {
    let mut widths = head.map(|cell| cell.chars().count());
    let wrapped: Vec<[Vec<String>; N]> = rows
        .iter()
        .map(|row| {
            let mut columns = row.iter().zip(most);
            std::array::from_fn(|_| {
                columns.next().map(|(cell, most)| wrap(cell, most)).unwrap_or_default()
            })
        })
        .collect();
    for row in &wrapped {
        for (width, cell) in widths.iter_mut().zip(row) {
            let longest = cell.iter().map(|line| line.chars().count()).max();
            *width = (*width).max(longest.unwrap_or(0));
        }
    }
    let mut lines = vec![
        join(&head.map(str::to_owned), &widths),
        join(&widths.map(|width| "─".repeat(width)), &widths),
    ];
    for row in &wrapped {
        let height = row.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..height {
            let cells: [String; N] = std::array::from_fn(|column| {
                row.get(column).and_then(|cell| cell.get(at)).cloned().unwrap_or_default()
            });
            lines.push(join(&cells, &widths));
        }
    }
    lines
}

fn join<const N: usize>(cells: &[String; N], widths: &[usize; N]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        if !line.is_empty() {
            line.push_str("  ");
        }
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
    }
    line.truncate(line.trim_end().len());
    line
}

/// Breaks a text at blanks, and words that are longer than a line where they must be.
fn wrap(text: &str, most: usize) -> Vec<String> {
    let most = most.max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        let blank = usize::from(!line.is_empty());
        if blank == 1 && line.chars().count() + blank + word.len() > most {
            lines.push(std::mem::take(&mut line));
        }
        while word.len() > most {
            let rest = word.split_off(most);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_wrap_and_columns_line_up() {
        let rows = [
            ["1".to_owned(), "a longer text".to_owned(), "x".to_owned()],
            ["12".to_owned(), "abcdefghijk".to_owned(), String::new()],
        ];
        let lines = lines(["#", "what", "y"], &rows, [3, 8, 4]);
        let expected = [
            "#   what      y",
            "──  ────────  ─",
            "1   a longer  x",
            "    text",
            "12  abcdefgh",
            "    ijk",
        ];
        assert_eq!(lines, expected);
    }
}
