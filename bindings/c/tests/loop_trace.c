/* cogloop.h: the trace of a loop. Time is virtual, so the times in the trace are exact. */
#include "check.h"

static cog_loop loop;

static void works(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    (void)timer, (void)expiry, (void)ctx;
    cog_loop_advance(loop, 3 * MS);
}

static void idles(cog_timer timer, const cog_expiry *expiry, void *ctx) {
    (void)timer, (void)expiry, (void)ctx;
}

static void posted(void *ctx) {
    (void)ctx;
}

static char name[200];

/* Returns the name of a file for a trace. */
static const char *file_name(void) {
    const char *folder = getenv("TMPDIR");
    snprintf(name, sizeof name, "%s/cogloop-c-trace-%d.json", folder ? folder : "/tmp", (int)getpid());
    return name;
}

static char text[20000];

/* Returns the text of the file, and removes the file. */
static const char *written(void) {
    FILE *file = fopen(name, "rb");
    CHECK(file != NULL);
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[length] = 0;
    if (file) fclose(file);
    remove(name);
    return text;
}

static bool ends_with(const char *end) {
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static void a_trace_has_each_callback_with_its_name_time_and_lateness(void) {
    loop = virtual_loop();
    CHECK(cog_loop_trace(loop, file_name(), 0) == COG_OK);
    CHECK(COG_TRACE_NAME(loop, works) == COG_OK);
    cog_timer_after(loop, 1 * MS, works, NULL, NULL);
    cog_timer_after(loop, 2 * MS, idles, NULL, NULL);
    cog_loop_post(loop, posted, NULL, NULL);
    CHECK(cog_loop_run(loop) == COG_OK);
    CHECK(cog_loop_trace_end(loop) == COG_OK);
    written();
    CHECK(strncmp(text, "[\n", 2) == 0 && ends_with("}\n]\n"));
    CHECK(strstr(text, "\"ts\":1000.000,\"dur\":3000.000,") != NULL);
    CHECK(strstr(text, "\"cat\":\"timer\",\"name\":\"works ") != NULL && strstr(text, "loop_trace.c:") != NULL);
    /* `idles` is static and has no COG_TRACE_NAME. So the trace names it by the program's file and an offset in it. */
    const char *late = strstr(text, "\"args\":{\"late_us\":2000.000}");
    CHECK(late != NULL);
    CHECK(strstr(text, "+0x") != NULL);
    CHECK(strstr(text, "\"cat\":\"other\"") != NULL && strstr(text, "\"cat\":\"turn\"") != NULL);
    CHECK(cog_loop_trace_end(loop) == COG_OK);
    cog_loop_free(loop);
}

static void a_callback_begins_where_the_one_before_it_ended_but_not_before_its_turn(void) {
    loop = virtual_loop();
    CHECK(cog_loop_trace(loop, file_name(), 0) == COG_OK);
    cog_timer_after(loop, 1 * MS, works, NULL, NULL);
    cog_timer_after(loop, 1 * MS, works, NULL, NULL);
    CHECK(cog_loop_run(loop) == COG_OK);
    CHECK(cog_loop_advance(loop, 5 * MS) == COG_OK);
    CHECK(cog_hook_add(loop, COG_HOOK_PREPARE, posted, NULL, NULL) == COG_OK);
    CHECK(cog_loop_run_once(loop, 0, NULL) == COG_OK);
    CHECK(cog_loop_trace_end(loop) == COG_OK);
    written();
    CHECK(strstr(text, "\"ts\":1000.000,\"dur\":3000.000,") != NULL);
    CHECK(strstr(text, "\"ts\":4000.000,\"dur\":3000.000,") != NULL);
    const char *hook = strstr(text, "\"cat\":\"other\"");
    while (hook && hook > text && *hook != '\n') hook--;
    CHECK(hook != NULL && strstr(hook, "\"ts\":12000.000,\"dur\":0.000,") != NULL);
    cog_loop_free(loop);
}

static void a_full_trace_and_a_freed_loop_complete_the_file(void) {
    loop = virtual_loop();
    CHECK(cog_loop_trace(loop, file_name(), 5000) == COG_OK);
    cog_timer timer;
    CHECK(cog_timer_every(loop, 1 * MS, COG_MISSED_SKIP, idles, NULL, &timer) == COG_OK);
    for (int i = 0; i < 200; i++) CHECK(cog_loop_run_once(loop, COG_NEVER, NULL) == COG_OK);
    written();
    CHECK(strlen(text) <= 5000 && ends_with("]\n") && strstr(text, "the trace is full") != NULL);
    CHECK(cog_loop_trace(loop, file_name(), 0) == COG_OK);
    CHECK(cog_loop_run_once(loop, COG_NEVER, NULL) == COG_OK);
    cog_loop_free(loop);
    written();
    CHECK(ends_with("]\n") && strstr(text, "\"cat\":\"timer\"") != NULL);
}

static void a_refused_file_leaves_the_trace_as_it_is(void) {
    loop = virtual_loop();
    CHECK(cog_loop_trace(loop, file_name(), 0) == COG_OK);
    CHECK(cog_loop_trace(loop, "/no/such/folder/x", 0) > 0);
    CHECK(cog_timer_after(loop, 1 * MS, idles, NULL, NULL) == COG_OK && cog_loop_run(loop) == COG_OK);
    CHECK(cog_loop_trace_end(loop) == COG_OK);
    written();
    CHECK(ends_with("]\n") && strstr(text, "\"cat\":\"timer\"") != NULL);
    cog_loop_free(loop);
}

static void wrong_arguments_are_errors(void) {
    loop = virtual_loop();
    CHECK(cog_loop_trace(loop, NULL, 0) == COG_ERROR_ARGUMENT);
    CHECK(cog_loop_trace_name(loop, 1, NULL) == COG_ERROR_ARGUMENT);
    CHECK(cog_loop_trace(loop, "/no/such/folder/x", 0) > 0);
    CHECK(cog_loop_trace_end(loop) == COG_OK);
    cog_loop_free(loop);
    CHECK(cog_loop_trace(loop, "x", 0) == COG_ERROR_STALE && cog_loop_trace_end(loop) == COG_ERROR_STALE);
}

int main(void) {
    RUN(a_trace_has_each_callback_with_its_name_time_and_lateness);
    RUN(a_callback_begins_where_the_one_before_it_ended_but_not_before_its_turn);
    RUN(a_full_trace_and_a_freed_loop_complete_the_file);
    RUN(a_refused_file_leaves_the_trace_as_it_is);
    RUN(wrong_arguments_are_errors);
    return summary();
}
