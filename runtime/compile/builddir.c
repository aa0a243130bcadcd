#include "runtime/compile/builddir.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/format/file.h"
#include "runtime/format/hash.h"
#include "runtime/format/json_out.h"
#include "runtime/format/scratch.h"

enum { MAX_MANIFEST = 64 << 20, MAX_TARGETS = 64, MAX_DEPTH = 4 };
#define OUT_DIR "tokic-out"

static bool failed(struct session *s, const char *what, const char *path)
{
    return diag_error(s, FAIL_INPUT, NOWHERE, "cannot %s %s: %s", what, path, strerror(errno));
}

bool dir_make(struct session *s, const char *path)
{
    char *copy = arena_strdup(s->run, path);
    for (char *p = copy + (*copy == '/');; p++) {
        if (*p && *p != '/')
            continue;
        char keep = *p;
        *p = 0;
        struct stat st;
        if (*copy && mkdir(copy, 0777) && (errno != EEXIST || stat(copy, &st) || !S_ISDIR(st.st_mode))) {
            if (errno == EEXIST)
                errno = ENOTDIR;
            return failed(s, "make the directory", copy);
        }
        *p = keep;
        if (!keep)
            return true;
    }
}

struct writer {
    struct session *s;
    const char *dir;
    cJSON *files;
};

static bool put(struct writer *w, const char *name, const void *bytes, size_t size)
{
    struct file_out f;
    char hash[SHA256_HEX];
    sha256_hex(bytes, size, hash);
    json_text(w->files, name, hash);
    if (!file_create(w->s, &f, arena_printf(w->s->run, "%s/%s", w->dir, name)))
        return false;
    file_write(&f, bytes, size);
    return file_commit(&f);
}

static bool put_text(struct writer *w, const char *name, const char *text) { return put(w, name, text, strlen(text)); }

static void count_or_null(cJSON *to, const char *key, int n)
{
    if (n < 0)
        json_null(to, key);
    else
        json_int(to, key, n);
}

static void kernels_json(cJSON *to, const struct code *c)
{
    cJSON *list = json_array(to, "kernels");
    for (size_t i = 0; i < c->n_kernels; i++) {
        const struct kernel_info *k = &c->kernels[i];
        cJSON *o = json_object(list, NULL);
        json_text(o, "name", k->name);
        count_or_null(o, "registers", k->regs);
        count_or_null(o, "agprs", k->agprs);
        count_or_null(o, "sgprs", k->sgprs);
        count_or_null(o, "spills", k->spills);
        count_or_null(o, "stack_bytes", k->stack);
        count_or_null(o, "shared_bytes", k->shared);
        count_or_null(o, "matrix_instructions", k->matrix);
    }
}

static bool put_target(struct writer *w, const struct build_target *t, cJSON *list)
{
    struct arena *a = w->s->run;
    const char *name = t->target->name;
    const char *text = arena_printf(a, "kernels/%s.txt", name);
    const char *object = arena_printf(a, "%s.o", name);
    cJSON *o = json_object(list, NULL);
    json_text(o, "target", name);
    json_text(o, "text", text);
    json_text(o, "object", t->compiled ? object : NULL);
    if (t->compiled) {
        json_text(o, "compiler", t->code.compiler);
        json_text(o, "flags", t->code.flags);
        kernels_json(o, &t->code);
    }
    bool ok = dir_make(w->s, arena_printf(a, "%s/kernels/%s", w->dir, name)) && put_text(w, text, t->text);
    for (size_t i = 0; ok && i < t->n_kernels; i++)
        ok = put_text(w, arena_printf(a, "kernels/%s/%s.txt", name, t->kernels[i].name), t->kernels[i].text);
    return ok && (!t->compiled || put(w, object, t->code.object, t->code.size));
}

static bool put_all(struct session *s, const struct build *b, const char *dir)
{
    cJSON *m = json_new();
    json_text(m, "tokic", TOKIC_VERSION);
    json_text(m, "graph", b->graph);
    json_text(m, "size", b->size);
    json_texts(m, "sets", b->sets, b->n_sets);
    if (b->loss_scale > 0)
        json_real(m, "loss_scale", b->loss_scale);
    json_int(m, "hint", b->hint);
    if (b->memory_limit)
        json_int(m, "memory_limit", b->memory_limit);
    json_text(m, "source", b->source);
    cJSON *targets = json_array(m, "targets");
    struct writer w = { s, dir, json_object(m, "files") };
    bool ok = put_text(&w, "graph.graph", b->text) && put_text(&w, "graph.checked", b->checked);
    for (size_t i = 0; ok && i < b->n_targets; i++)
        ok = put_target(&w, &b->targets[i], targets);
    if (ok)
        return json_save(s, m, arena_printf(s->run, "%s/manifest.json", dir));
    cJSON_Delete(m);
    return false;
}

/* What exists at the path of a new build. WAY_OTHER: something that is not a build and must not be replaced. */
enum in_way { WAY_FREE, WAY_EMPTY, WAY_BUILD, WAY_OTHER };

static enum in_way what_is_at(struct session *s, const char *dir)
{
    struct stat st;
    if (lstat(dir, &st))
        return errno == ENOENT ? WAY_FREE : WAY_OTHER;
    DIR *d = S_ISDIR(st.st_mode) ? opendir(dir) : NULL;
    if (!d)
        return WAY_OTHER;
    bool empty = true;
    for (const struct dirent *e; empty && (e = readdir(d));)
        empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
    closedir(d);
    if (empty)
        return WAY_EMPTY;
    const char *manifest = arena_printf(s->run, "%s/manifest.json", dir);
    const char *checked = arena_printf(s->run, "%s/graph.checked", dir);
    const char *graph = arena_printf(s->run, "%s/graph.graph", dir); /* one of these two may be missing */
    return !access(manifest, F_OK) && (!access(checked, F_OK) || !access(graph, F_OK)) ? WAY_BUILD : WAY_OTHER;
}

static bool is_ours(const char *name)
{
    static const char *const names[] = { ".", "..", "graph.graph", "graph.checked", "manifest.json", "kernels" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name))
            return true;
    char target[64];
    size_t n = strlen(name);
    if (n < 3 || n > sizeof target || strcmp(name + n - 2, ".o"))
        return false;
    snprintf(target, sizeof target, "%.*s", (int)(n - 2), name);
    return target_find(target) != NULL;
}

/* True for a name like ".tokic-aB3xYz.tmp", left by a killed process. */
static bool is_temporary(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && !strcmp(name + n - 4, ".tmp") && strstr(name, ".tokic-");
}

static bool move_new(const char *from, const char *to)
{
    if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    struct stat st;
    if (!lstat(to, &st))
        errno = EEXIST;
    return errno != EEXIST && !rename(from, to);
}

/* Moves the user's own files from the old build to the new one. False if one of them cannot be moved. */
static bool keep_foreign(struct session *s, const char *old, const char *dir)
{
    bool all = true;
    DIR *d = opendir(old);
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (is_ours(e->d_name) || is_temporary(e->d_name))
            continue;
        const char *from = arena_printf(s->run, "%s/%s", old, e->d_name);
        const char *to = arena_printf(s->run, "%s/%s", dir, e->d_name);
        if (move_new(from, to))
            continue;
        diag_warning(s, NOWHERE, "%s of an older build cannot be kept as %s: %s", from, to, strerror(errno));
        all = false;
    }
    if (d)
        closedir(d);
    return all;
}

struct build_place {
    struct session *s;
    const char *dir;
};

/* Removes `left`, an old build or the remains of one. First moves the user's own files from `left` to the new build. */
static void drop_left(void *ctx, const char *left)
{
    const struct build_place *p = ctx;
    if (keep_foreign(p->s, left, p->dir))
        tree_remove(left);
}

/* Swaps `fresh` and an old build at `dir`. If the file system cannot swap names, `dir` does not exist for a moment. */
static bool move_into_place(struct session *s, const char *fresh, const char *dir, enum in_way way)
{
    if (way == WAY_FREE || way == WAY_EMPTY)
        return !rename(fresh, dir) || failed(s, "put the build at", dir);
    if (renameat2(AT_FDCWD, fresh, AT_FDCWD, dir, RENAME_EXCHANGE)) {
        const char *old = arena_printf(s->run, "%s.old", fresh);
        if (rename(dir, old))
            return failed(s, "replace", dir);
        if (rename(fresh, dir)) {
            int why = errno;
            if (rename(old, dir))
                diag_warning(s, NOWHERE, "the old build is now in %s", old);
            errno = why;
            return failed(s, "put the build at", dir);
        }
        fresh = old;
    }
    drop_left(&(struct build_place){ s, dir }, fresh);
    return true;
}

static const char *without_slashes(struct session *s, const char *dir)
{
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    return arena_strndup(s->run, dir, n);
}

bool build_write(struct session *s, const struct build *b, const char *given)
{
    const char *dir = without_slashes(s, given);
    const char *slash = strrchr(dir, '/');
    char *real = realpath(dir, NULL);
    if (real)
        dir = arena_strdup(s->run, real);
    free(real);
    enum in_way way = what_is_at(s, dir);
    if (way == WAY_OTHER)
        return diag_error(s, FAIL_INPUT, NOWHERE,
                          "%s exists and is not a build: name another directory with -o, or remove it", given);
    if (way == WAY_FREE && slash && slash != dir && !dir_make(s, arena_strndup(s->run, dir, (size_t)(slash - dir))))
        return false;
    const char *prefix = arena_printf(s->run, "%s.tokic-", dir);
    const char *fresh = scratch_make(s, prefix);
    if (!fresh)
        return failed(s, "make a directory beside", dir);
    chmod(fresh, 0755);
    if (!put_all(s, b, fresh) || !move_into_place(s, fresh, dir, way)) {
        tree_remove(fresh);
        return false;
    }
    scratch_sweep(s, prefix, drop_left, &(struct build_place){ s, dir });
    return true;
}

static char *read_all(struct session *s, const char *path, size_t max, size_t *size)
{
    struct file_in f;
    if (!file_open(s, &f, path))
        return NULL;
    char *bytes = NULL;
    if (f.size > max)
        diag_error(s, FAIL_INPUT, NOWHERE, "%s is larger than %zu bytes", path, max);
    else {
        bytes = arena_alloc(s->run, f.size + 1);
        bytes = file_read(&f, 0, bytes, f.size) ? bytes : NULL;
    }
    *size = f.size;
    file_close(&f);
    return bytes;
}

static const char *text_of(struct session *s, const cJSON *o, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
    return text ? arena_strdup(s->run, text) : NULL;
}

static bool wrong(struct session *s, const struct build *b, const char *what)
{
    return diag_error(s, FAIL_INPUT, NOWHERE, "%s/manifest.json is not what tokic writes: %s. Build again", b->dir,
                      what);
}

static bool hash_of(struct session *s, const cJSON *files, const char *name, char out[SHA256_HEX])
{
    const char *hash = text_of(s, files, name);
    if (!hash || strlen(hash) != SHA256_HEX - 1)
        return false;
    memcpy(out, hash, SHA256_HEX);
    return true;
}

static bool read_target(struct session *s, const struct build *b, const cJSON *o, const cJSON *files,
                        struct build_target *t)
{
    const char *name = text_of(s, o, "target");
    t->target = name ? target_find(name) : NULL;
    if (!t->target)
        return wrong(s, b, arena_printf(s->run, "this tokic has no target %s", name ? name : "without a name"));
    if (!hash_of(s, files, arena_printf(s->run, "kernels/%s.txt", name), t->text_hash))
        return wrong(s, b, "a kernel text has no hash");
    const char *compiler = text_of(s, o, "compiler");
    const char *flags = text_of(s, o, "flags");
    t->compiled = compiler && flags && hash_of(s, files, arena_printf(s->run, "%s.o", name), (char[SHA256_HEX]){ 0 });
    t->code = (struct code){ .target = t->target, .compiler = compiler, .flags = flags };
    return true;
}

static bool read_sets(struct session *s, const cJSON *list, struct build *b)
{
    int n = cJSON_GetArraySize(list);
    const char **sets = arena_array(s->run, const char *, n + 1);
    for (int i = 0; i < n; i++) {
        const char *set = cJSON_GetStringValue(cJSON_GetArrayItem(list, i));
        if (!set)
            return wrong(s, b, "a set is not a string");
        sets[i] = arena_strdup(s->run, set);
    }
    b->sets = sets;
    b->n_sets = (size_t)n;
    return true;
}

/* Keeps bytes whose hash was checked, so that the file is not read again. */
static bool keep_file(struct build *b, const char *name, const char *bytes, size_t size)
{
    if (!strcmp(name, "graph.graph")) {
        b->text = bytes;
        return strlen(bytes) == size;
    }
    for (size_t i = 0; i < b->n_targets; i++) {
        struct build_target *t = &b->targets[i];
        size_t n = strlen(t->target->name);
        if (t->compiled && !strncmp(name, t->target->name, n) && !strcmp(name + n, ".o")) {
            t->code.object = bytes;
            t->code.size = size;
        }
    }
    return true;
}

static bool check_file(struct session *s, struct build *b, const char *name, const char *said)
{
    const char *path = arena_printf(s->run, "%s/%s", b->dir, name), *bytes;
    char hash[SHA256_HEX];
    size_t size;
    if (access(path, F_OK))
        return diag_error(s, FAIL_INPUT, NOWHERE, "%s is missing; build again", path);
    if (!(bytes = read_all(s, path, SIZE_MAX, &size)))
        return false;
    sha256_hex(bytes, size, hash);
    if (strcmp(hash, said) || !keep_file(b, name, bytes, size))
        return diag_error(s, FAIL_INPUT, NOWHERE, "%s was changed after the build; build again", path);
    return true;
}

static bool is_named(const struct build *b, const char *name)
{
    for (size_t i = 0; i < b->n_files; i++)
        if (!strcmp(b->files[i], name))
            return true;
    return false;
}

/* Reports files that are named like a build's files but are not in the manifest. */
static bool no_strays(struct session *s, const struct build *b, const char *under, int depth)
{
    struct dirent **list;
    bool good = true;
    int n = scandir(arena_printf(s->run, "%s/%s", b->dir, under), &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *entry = list[i]->d_name;
        const char *name = arena_printf(s->run, "%s%s", under, entry);
        const char *path = arena_printf(s->run, "%s/%s", b->dir, name);
        struct stat st;
        bool skipped = !strcmp(entry, ".") || !strcmp(entry, "..") || !strcmp(name, "manifest.json") ||
                       (!depth && !is_ours(entry)) || is_named(b, name);
        if (!skipped && depth < MAX_DEPTH && !lstat(path, &st) && S_ISDIR(st.st_mode))
            good &= no_strays(s, b, arena_printf(s->run, "%s/", name), depth + 1);
        else if (!skipped)
            good = diag_error(s, FAIL_INPUT, NOWHERE,
                              "%s is not a file of the build: manifest.json does not name it; build again", path);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return good;
}

static bool check_files(struct session *s, const cJSON *files, struct build *b)
{
    int n = cJSON_GetArraySize(files);
    int errors = s->n_errors;
    b->files = arena_array(s->run, const char *, n + 1);
    for (const cJSON *f = files->child; f; f = f->next) {
        char said[SHA256_HEX];
        const char *name = b->files[b->n_files++] = arena_strdup(s->run, f->string);
        if (*name == '/' || strstr(name, "..") || !hash_of(s, files, name, said))
            return wrong(s, b, "files has an entry that is no file and its SHA-256");
        check_file(s, b, name, said);
    }
    no_strays(s, b, "", 0);
    if (s->n_errors > errors)
        diag_note(s, NOWHERE, "it was built from %s", b->source);
    else if (!b->text)
        wrong(s, b, "graph.graph has no hash");
    return s->n_errors == errors;
}

static bool read_manifest(struct session *s, const cJSON *m, struct build *b)
{
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(m, "files");
    const cJSON *targets = cJSON_GetObjectItemCaseSensitive(m, "targets");
    const cJSON *hint = cJSON_GetObjectItemCaseSensitive(m, "hint");
    b->tokic = text_of(s, m, "tokic");
    b->graph = text_of(s, m, "graph");
    b->size = text_of(s, m, "size");
    b->source = text_of(s, m, "source");
    if (!b->tokic || !b->graph || !b->size || !b->source)
        return wrong(s, b, "tokic, graph, size or source is missing");
    if (!cJSON_IsNumber(hint) || !(hint->valuedouble >= 0 && hint->valuedouble < 0x1p31))
        return wrong(s, b, "hint is not a number");
    b->hint = (int64_t)hint->valuedouble;
    const cJSON *scale = cJSON_GetObjectItemCaseSensitive(m, "loss_scale");
    if (scale && !(cJSON_IsNumber(scale) && scale->valuedouble > 0 && scale->valuedouble <= 0x1p24))
        return wrong(s, b, "loss_scale is not a scale");
    b->loss_scale = scale ? scale->valuedouble : 0;
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(m, "memory_limit");
    if (limit && !(cJSON_IsNumber(limit) && limit->valuedouble >= 1 && limit->valuedouble < 0x1p53))
        return wrong(s, b, "memory_limit is not a number of bytes");
    b->memory_limit = limit ? (int64_t)limit->valuedouble : 0;
    int n = cJSON_GetArraySize(targets);
    if (!cJSON_IsObject(files) || !cJSON_IsArray(targets) || n > MAX_TARGETS)
        return wrong(s, b, "files or targets");
    b->targets = arena_array(s->run, struct build_target, n + 1);
    for (b->n_targets = 0; (int)b->n_targets < n; b->n_targets++)
        if (!read_target(s, b, cJSON_GetArrayItem(targets, (int)b->n_targets), files, &b->targets[b->n_targets]))
            return false;
    return read_sets(s, cJSON_GetObjectItemCaseSensitive(m, "sets"), b) && check_files(s, files, b);
}

static cJSON *manifest_of(struct session *s, const struct build *b)
{
    size_t size;
    const char *text = read_all(s, arena_printf(s->run, "%s/manifest.json", b->dir), MAX_MANIFEST, &size);
    cJSON *m = text ? cJSON_ParseWithLength(text, size) : NULL;
    if (text && !cJSON_IsObject(m)) {
        wrong(s, b, "it is not a JSON object");
        cJSON_Delete(m);
        m = NULL;
    }
    return m;
}

struct build *build_read(struct session *s, const char *given)
{
    struct build *b = arena_new_of(s->run, struct build);
    b->dir = without_slashes(s, given);
    struct stat st;
    if (!stat(b->dir, &st) && stat(arena_printf(s->run, "%s/manifest.json", b->dir), &st) && errno == ENOENT) {
        diag_error(s, FAIL_INPUT, NOWHERE, "%s is not a build: it has no manifest.json", b->dir);
        return NULL;
    }
    cJSON *m = manifest_of(s, b);
    bool ok = m && read_manifest(s, m, b);
    cJSON_Delete(m);
    return ok ? b : NULL;
}

const char *build_last(struct session *s)
{
    const char *why = "there is no " OUT_DIR "/last";
    size_t size;
    if (!access(OUT_DIR "/last", F_OK)) {
        char *name = read_all(s, OUT_DIR "/last", 4096, &size);
        if (!name)
            return NULL;
        name[strcspn(name, "\r\n")] = 0;
        const char *dir = arena_printf(s->run, OUT_DIR "/%s", name);
        if (*name && !access(dir, F_OK))
            return dir;
        why = arena_printf(s->run, OUT_DIR "/last names %s, which is not there", dir);
    }
    diag_error(s, FAIL_USAGE, NOWHERE, "no file was named, and this directory has no last build: %s", why);
    diag_note(s, NOWHERE, "name a .graph file or a build, or run: tokic build GRAPH");
    return NULL;
}

bool build_set_last(struct session *s, const char *name)
{
    struct file_out f;
    if (!file_create(s, &f, OUT_DIR "/last"))
        return false;
    file_write(&f, name, strlen(name));
    file_write(&f, "\n", 1);
    return file_commit(&f);
}

static size_t name_length(const char *set) { return strcspn(set, "="); }

static bool same_name(const char *a, const char *b)
{
    return name_length(a) == name_length(b) && !strncmp(a, b, name_length(a));
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Joins --set flags, sorted by name: "H=64" and "D=1" give "-D=1-H=64". A name's last value counts. */
static const char *sets_text(struct session *s, const char *const *sets, size_t n)
{
    const char **kept = arena_array(s->run, const char *, n + 1);
    const char *text = "";
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool again = false;
        for (size_t k = i + 1; k < n; k++)
            again |= same_name(sets[i], sets[k]);
        if (!again)
            kept[n_kept++] = arena_printf(s->run, "%.*s=%lld", (int)name_length(sets[i]), sets[i],
                                          strtoll(sets[i] + name_length(sets[i]) + 1, NULL, 10));
    }
    qsort(kept, n_kept, sizeof *kept, by_name);
    for (size_t i = 0; i < n_kept; i++)
        text = arena_printf(s->run, "%s-%s", text, kept[i]);
    return text;
}

const char *build_default_dir(struct session *s, const char *graph, const char *size, const char *const *sets,
                              size_t n_sets, const char **name)
{
    *name = arena_printf(s->run, "%s%s%s%s", graph, *size ? "-" : "", size, sets_text(s, sets, n_sets));
    if (!strcmp(*name, "last"))
        *name = "last.build";
    return arena_printf(s->run, OUT_DIR "/%s", *name);
}

/* Compares two files by device and inode. If one does not exist, compares the paths as texts. */
static bool same_path(const char *a, const char *b)
{
    struct stat x, y;
    if (stat(a, &x) || stat(b, &y))
        return !strcmp(a, b);
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool build_is_of(struct session *s, const char *dir, const char *source)
{
    size_t size;
    const char *path = arena_printf(s->run, "%s/manifest.json", dir);
    const char *text = access(path, F_OK) ? NULL : read_all(s, path, MAX_MANIFEST, &size);
    cJSON *m = text ? cJSON_ParseWithLength(text, size) : NULL;
    const char *was = text_of(s, m, "source");
    cJSON_Delete(m);
    if (!was || same_path(was, source))
        return true;
    diag_error(s, FAIL_INPUT, NOWHERE,
               "%s holds the build of %s, and this is the build of %s: their graphs have one name", dir, was, source);
    diag_note(s, NOWHERE, "name another directory with -o, or remove %s, or rename one of the graphs", dir);
    return false;
}
