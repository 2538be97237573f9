//! The program as its users meet it: a real process, files in temporary folders.

mod hostile;
mod run;
mod verbs;
