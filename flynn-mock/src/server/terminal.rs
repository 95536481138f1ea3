//! The line discipline of an attached job's terminal: echo, line editing, control characters.

use bytes::Bytes;

use crate::life::Input;

const INTERRUPT: u8 = 3;
const END: u8 = 4;
const BACKSPACE: u8 = 8;
const QUIT: u8 = 28;
const DELETE: u8 = 127;

const SIGINT: u32 = 2;
const SIGQUIT: u32 = 3;

/// A terminal in its default, canonical mode.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    /// The current line.
    line: Vec<u8>,
}

impl Terminal {
    /// Processes typed bytes. Returns the terminal's echo and the program's input.
    pub(super) fn typed(&mut self, bytes: &[u8]) -> (Bytes, Vec<Input>) {
        let (mut echo, mut inputs) = (Vec::new(), Vec::new());
        for &byte in bytes {
            match byte {
                b'\r' | b'\n' => {
                    echo.extend(b"\r\n");
                    self.line.push(b'\n');
                    inputs.push(Input::Stdin(self.take()));
                }
                END if self.line.is_empty() => inputs.push(Input::Eof),
                END => inputs.push(Input::Stdin(self.take())),
                INTERRUPT | QUIT => {
                    echo.extend([b'^', byte + 64]);
                    self.line.clear();
                    let signal = if byte == QUIT { SIGQUIT } else { SIGINT };
                    inputs.push(Input::Signal(signal));
                }
                BACKSPACE | DELETE => {
                    if self.line.pop().is_some() {
                        echo.extend(b"\x08 \x08");
                    }
                }
                _ => {
                    echo.push(byte);
                    self.line.push(byte);
                }
            }
        }
        (echo.into(), inputs)
    }

    fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.line).into()
    }
}

/// Converts output for a terminal: each line ends with a carriage return and a newline.
pub(super) fn shown(output: &[u8]) -> Bytes {
    let mut shown = Vec::with_capacity(output.len());
    for &byte in output {
        if byte == b'\n' {
            shown.push(b'\r');
        }
        shown.push(byte);
    }
    shown.into()
}
