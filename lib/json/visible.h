/* visible: text that a terminal shows and does nothing else with.
 *
 * Data may hold escape sequences, characters that reorder a line or that
 * nobody sees, and bytes that are no text. What is written for people names
 * them instead: controls as \n, \t, \r or \xNN, other treacherous characters
 * (C1 controls, directions, invisible ones, private use) as \u{N}, bytes that
 * are not UTF-8 as \xNN. Thread-safe. */
#ifndef JSON_VISIBLE_H
#define JSON_VISIBLE_H

#include "base/buf.h"
#include "base/str.h"

/* Appends s made visible. 0, or -1 if out failed. */
int visible_text(struct buf *out, struct str s);

/* The same, and line feeds stand. */
int visible_lines(struct buf *out, struct str s);

/* Appends JSON text whose meaning stays: in it such characters can only stand
 * in strings, where they become \uNNNN. What is not UTF-8 becomes \ufffd. 0,
 * or -1 if out failed. */
int visible_json(struct buf *out, struct str json);

/* Characters that s takes on a line, those of two columns counted as one. */
size_t visible_width(struct str s);

/* The longest start of s that has at most n bytes and splits no character. */
struct str visible_start(struct str s, size_t n);

#endif
