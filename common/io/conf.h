/* conf: configuration files, YAML or JSON, as jansson values.
 *
 * YAML 1.1 through libyaml with the core schema that OLMo's and Dolma's files need: null, booleans
 * (true/false/yes/no/on/off), decimal and 0x integers with _ separators, floats with exponent
 * (1e-4 too: unlike PyYAML it is a number), strings; anchors and aliases (copied); merge keys; one
 * document (an empty one is null).  Keys are strings, whatever they look like; objects keep the order
 * of the file.  Refused: tags other than the core ones, duplicate keys, whole numbers with leading
 * zeros (octal to some readers), .inf and .nan (JSON has none), numbers beyond 64 bits, aliases that
 * blow a file up to more than a million nodes.  JSON is read by jansson (duplicates refused).  Errors
 * name file:line.
 */
#ifndef OLMO_IO_CONF_H
#define OLMO_IO_CONF_H

#include <jansson.h>

/* By suffix (.json, .yaml, .yml), else by content ('{' first: JSON). New reference, or NULL. */
json_t *conf_load(const char *path);
json_t *conf_parse(const char *text, size_t len, const char *name);
/* The same, and in *lines (new reference) the line of every key: an object from dotted path to line
 * number, for messages.  Of values that come through an alias only the alias has a line; a JSON file
 * that libyaml cannot read has none. */
json_t *conf_load_lines(const char *path, json_t **lines);
/* Line of the key "a.b.0.c", or of its nearest parent that has one; 0 when unknown. */
int conf_line(const json_t *lines, const char *path);
/* "a.b.c=value": value is read as YAML (so 3e-4, [1,2], null work). Makes the objects on the way.
 * A number in the path indexes a list.  0 or -1. */
int conf_set(json_t *root, const char *assignment);
/* conf_get(root, "a.b.c"): borrowed, NULL when absent. */
json_t *conf_get(const json_t *root, const char *path);
/* The name in names[] (NULL-terminated) nearest to key by edit distance (at most 1/3 of its length),
 * or NULL: "unknown key 'max_grad_nrom' (did you mean 'max_grad_norm'?)". */
const char *conf_nearest(const char *key, const char *const *names);

/* JSON file by jansson: new reference or NULL; message with file:line. */
json_t *conf_json(const char *path);
/* The same for text that is in memory. */
json_t *conf_parse_json(const char *text, size_t len, const char *name);
/* Canonical bytes: sorted keys, compact, reals with 17 digits; caller frees. */
char *conf_dump(const json_t *v);

#endif
