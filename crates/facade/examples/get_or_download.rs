//! The third usage: a model given as a URL or a local directory, from code without a runtime.
//!
//! ```text
//! cargo run -p mlc-weights-facade --example get_or_download -- dist/my-model
//! ```

#![expect(clippy::print_stdout, reason = "the example shows its result")]

fn main() -> Result<(), facade::Error> {
    let model = std::env::args().nth(1).unwrap_or("HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC".to_owned());
    let directory = facade::blocking::get_or_download_model(&model)?;
    println!("{}", directory.display());
    Ok(())
}
