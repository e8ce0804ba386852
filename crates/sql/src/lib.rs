//! Stopover's SQL lexer: statements, classification and the reader of plain dumps. Pure.
