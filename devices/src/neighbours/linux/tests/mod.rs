//! What rules do, text by text: [`packets`] through the model, all others through an audit.

mod calls;
mod conditions;
mod dumps;
mod limits;
mod marks;
mod measured;
mod order;
mod own;
mod packets;
mod parts;
mod scripts;
mod texts;
mod translated;
