#include "io/report.h"

#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/opt.h"
#include "io/conf.h"
#include "io/manifest.h"
#include "io/out.h"
#include "io/report_int.h"

static const char style[] =
    "body{font:16px/1.45 sans-serif;color:#1a1a1a;background:#fff;max-width:72rem;margin:0 auto;"
    "padding:1rem}\n"
    "h1{font-size:1.7rem;margin:.5rem 0}h2{font-size:1.25rem;border-bottom:2px solid #333;"
    "margin:2.2rem 0 .6rem}h3{font-size:1.05rem;margin:1.2rem 0 .3rem}\n"
    "p{margin:.4rem 0}.note{color:#444;font-size:.9rem}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;margin:.5rem 0;font-size:.92rem}\n"
    "th,td{padding:.25rem .7rem;text-align:left;vertical-align:top;border-bottom:1px solid #ccc}\n"
    "th{border-bottom:2px solid #555}td.n,th.n{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}\n"
    "tr.sum td{border-top:2px solid #555;font-weight:bold}\n"
    "code,pre{font:.85rem/1.4 monospace;overflow-wrap:anywhere}\n"
    "pre{white-space:pre-wrap;unicode-bidi:isolate;border-left:3px solid #999;padding:.3rem .7rem;"
    "margin:.3rem 0 .8rem;background:#f6f6f6;max-height:24rem;overflow:auto}\n"
    "td code{unicode-bidi:isolate}.rules td code{display:inline-block;min-width:13rem}pre "
    "b{text-decoration:underline}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));"
    "gap:1rem}svg{width:100%;height:auto;max-width:36rem}"
    "summary{padding:.15rem 0;cursor:pointer}details p{overflow-wrap:anywhere}\n"
    "@media (max-width:40rem){body{padding:.6rem;font-size:15px}th,td{padding:.2rem .4rem}"
    "table{font-size:.85rem}}\n"
    "@media print{body{max-width:none;font-size:10pt;padding:0}pre{max-height:none;"
    "background:none}h2,h3{break-after:avoid}tr,svg,pre{break-inside:avoid}.wide{overflow:visible}"
    "table,td code{font-size:7.5pt}th,td{padding:.15rem .3rem}.rules td "
    "code{min-width:0}svg{max-width:"
    "28rem}}\n";

/* --- the files of a run -------------------------------------------------------------------------- */

static int take_file(struct report *r, const char *path, const char *rel)
{
	int manifest = rp_ends(rel, ".manifest.json") || rp_ends(rel, "/manifest.json"),
	    stats = rp_begins(rel, "stats/") && rp_ends(rel, ".json");
	json_t *v;

	if (!manifest && !stats)
		return 0;
	v = stats ? conf_json(path) : manifest_load(path);
	if (!v)
		return -1;
	return stats ? json_object_set_new(r->stats, rel + strlen("stats/"), v)
		     : json_object_set_new(r->manifests, rel, v);
}

static int walk(struct report *r, const char *rel);

static int walk_entry(struct report *r, const char *rel, const char *name)
{
	char *below = *rel ? xasprintf("%s/%s", rel, name) : xstrdup(name),
	     *path = rp_in_dir(r, below);
	struct stat st;
	int rc = 0;

	if (*name != '.' && strcmp(below, "raw") && lstat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			rc = walk(r, below);
		else if (S_ISREG(st.st_mode))
			rc = take_file(r, path, below);
	}
	free(path);
	free(below);
	return rc;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int walk(struct report *r, const char *rel)
{
	char *path = *rel ? rp_in_dir(r, rel) : xstrdup(r->dir);
	struct dirent **names;
	int n = scandir(path, &names, NULL, by_bytes), rc = 0;

	if (n < 0)
		err_sys("%s", path);
	free(path);
	if (n < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		rc = rc < 0 ? rc : walk_entry(r, rel, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* --- a run, the page ---------------------------------------------------------------------------- */

static int run_sections(struct report *r, int alone)
{
	json_t *config;
	const char *name;
	size_t head;
	int rc;

	if (walk(r, "") < 0 || rp_read_json(r, "run/config.json", &config) < 0)
		return -1;
	name = alone && rp_field(config, "run_name") ? rp_field(config, "run_name") : r->dir;
	buf_str(&r->b, "<h1>Report: ");
	rp_text(&r->b, name);
	buf_str(&r->b, "</h1>\n");
	head = r->b.len;
	rp_funnel(r);
	rc = rp_rules(r) < 0 || rp_curves(r) < 0 || rp_bits(r) < 0 || rp_tasks(r) < 0 ||
		     rp_samples(r) < 0
		 ? -1
		 : 0;
	if (rc == 0) {
		rp_data_card(r);
		rc = rp_model_card(r);
	}
	if (rc == 0)
		rc = rp_cost(r);
	if (rc == 0) {
		if (r->b.len == head) {
			err_set(
			    "%s: nothing of a run is there: no manifest, log or metrics", r->dir);
			rc = -1;
		}
		if (r->missing.len)
			buf_printf(&r->b,
			    "<p class=\"note\">Left out, for want of the files: %s.</p>\n",
			    buf_cstr(&r->missing));
	}
	json_decref(config);
	return rc;
}

static int one_run(struct buf *page, const char *dir, int alone)
{
	struct report r = {.dir = dir,
	    .manifests = json_object(),
	    .stats = json_object(),
	    .funnel = json_object()};
	int rc = run_sections(&r, alone);

	if (rc == 0)
		buf_add(page, r.b.p, r.b.len);
	json_decref(r.manifests);
	json_decref(r.stats);
	json_decref(r.funnel);
	buf_release(&r.b);
	buf_release(&r.missing);
	return rc;
}

static void page_head(struct buf *b)
{
	buf_printf(b,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	    "style-src 'unsafe-inline'\">\n<title>olmo.c: report</title>\n<style>\n%s</style>\n"
	    "</head>\n<body>\n",
	    style);
}

int report_command(const struct opts *o)
{
	char **dirs = o->files;
	size_t n = o->n_files;
	struct buf page = {0};
	struct out *f;
	int rc = 0;

	page_head(&page);
	if (n > 1)
		rc = rp_overlay(&page, dirs, n);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = one_run(&page, dirs[i], n == 1);
	buf_str(&page, "</body>\n</html>\n");
	if (rc == 0) {
		f = out_open(o->out, 0);
		rc = f ? out_write(f, page.p, page.len) : -1;
		if (f && rc < 0)
			out_abort(f);
		else if (f)
			rc = out_commit(f, NULL);
	}
	buf_release(&page);
	return rc;
}
