/* A toy cloud: two instances with an ARQ each, two handles, and a conductor
 * that works by itself: a little after each call, and all that is left before
 * it is asked what can be observed.  No clock says how far it is, so the same
 * calls have the same outcome.  It implements the calls of stein.attach on
 * data of its own, and is spoken to over the wire protocol:
 *
 *     cc -o toy toy.c && cyborg-models conform smoke -- ./toy
 *
 * -DBROKEN=1: a handle is taken without a look at whether it is free;
 * -DBROKEN=2: a guest is defined before Nova was told that its ARQ is Bound;
 * -DBROKEN=3: the handle of a bind that failed is kept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef BROKEN
#define BROKEN 0
#endif
enum { COUNT = 2, NOBODY = -1 };
enum { OK, REFUSED, UNKNOWN_ACTION };

typedef const char *word;
static struct {
    word state, job, event;
    int handle, charged, asked;
} arq[COUNT];
static struct {
    word state;
    int claimed;
} server[COUNT];
static struct {
    word use;
    int guest;
} handle[COUNT];
static int faults;
static unsigned chance;

static int is(word one, word other) { return strcmp(one, other) == 0; }

static void start(void)
{
    for (int i = 0; i < COUNT; i++) {
        arq[i].state = "ABSENT";
        arq[i].job = arq[i].event = "NONE";
        arq[i].handle = NOBODY;
        arq[i].charged = arq[i].asked = 0;
        server[i].state = "NONE";
        server[i].claimed = 0;
        handle[i].use = "FREE";
        handle[i].guest = NOBODY;
    }
    faults = 1;
    chance = 1;
}

static void fail_bind(int i)
{
    arq[i].state = "BIND_FAILED";
    arq[i].job = "NONE";
    arq[i].event = "SENT_FAILED";
    if (BROKEN != 3 && arq[i].handle != NOBODY) {
        handle[arq[i].handle].use = "CLEANING";
        arq[i].handle = NOBODY;
    }
}

static void take_handle(int i)
{
    for (int h = 0; h < COUNT; h++)
        if (BROKEN == 1 || is(handle[h].use, "FREE")) {
            handle[h].use = "IN_USE";
            arq[i].handle = h;
            arq[i].job = "TAKEN";
            return;
        }
    fail_bind(i);
}

/* The conductor does one thing for an ARQ; returns whether there was any. */
static int work(int i)
{
    if (arq[i].asked) {
        if (is(arq[i].state, "INITIAL")) {
            arq[i].state = "BIND_STARTED";
            arq[i].job = "STARTED";
        }
        arq[i].asked = 0;
    } else if (is(arq[i].job, "STARTED")) {
        take_handle(i);
    } else if (is(arq[i].job, "TAKEN")) {
        arq[i].job = "READY"; /* the agent has prepared the device */
    } else if (is(arq[i].job, "READY")) {
        arq[i].state = "BOUND";
        arq[i].job = "NONE";
        arq[i].event = "SENT_OK";
    } else if (is(arq[i].job, "LOST")) {
        fail_bind(i); /* a conductor that starts finds it */
    } else if (!strncmp(arq[i].event, "SENT", 4)) {
        if (!is(server[i].state, "WAITING")) {
            arq[i].event = "MISSED";
        } else {
            if (is(arq[i].event, "SENT_FAILED"))
                server[i].state = "FAILED";
            arq[i].event = "TOLD";
        }
    } else {
        return 0;
    }
    return 1;
}

static int next(int i, word from, word to)
{
    if (!is(server[i].state, from))
        return REFUSED;
    server[i].state = to;
    return OK;
}

/* What a test calls: what Nova asks for and does, and what goes wrong. */
static int call(word action, int i)
{
    int in_time = is(server[i].state, "WAITING");

    if (is(action, "claim")) {
        server[i].claimed |= is(server[i].state, "NONE");
        return next(i, "NONE", "CLAIMED");
    }
    if (is(action, "post")) {
        if (next(i, "CLAIMED", "POSTED"))
            return REFUSED;
        arq[i].state = "INITIAL";
        arq[i].charged = 1;
        return OK;
    }
    if (is(action, "ask_bind")) {
        if (next(i, "POSTED", "ASKED"))
            return REFUSED;
        arq[i].asked = 1;
        return OK;
    }
    if (is(action, "register"))
        return next(i, "ASKED", "WAITING");
    if (is(action, "poll")) {
        if (!in_time || !is(arq[i].event, "MISSED"))
            return REFUSED;
        arq[i].event = "TOLD";
        if (!is(arq[i].state, "BOUND"))
            server[i].state = "FAILED";
        return OK;
    }
    if (is(action, "attach")) {
        if (BROKEN != 2 && !is(arq[i].event, "TOLD"))
            return REFUSED;
        if (next(i, "WAITING", "SPAWNING"))
            return REFUSED;
        if (arq[i].handle != NOBODY)
            handle[arq[i].handle].guest = i;
        return OK;
    }
    if (is(action, "run"))
        return next(i, "SPAWNING", "ACTIVE");
    if (is(action, "time_out"))
        return is(arq[i].event, "LOST") ? next(i, "WAITING", "FAILED")
                                        : REFUSED;
    if (is(action, "lose_event")) {
        if (!faults || strncmp(arq[i].event, "SENT", 4))
            return REFUSED;
        arq[i].event = "LOST";
    } else if (is(action, "bind_times_out")) {
        if (!faults || !is(arq[i].state, "BIND_STARTED"))
            return REFUSED;
        fail_bind(i);
    } else if (is(action, "crash_conductor")) {
        int lost = 0;
        for (int j = 0; faults && j < COUNT; j++)
            if (!is(arq[j].job, "NONE") && !is(arq[j].job, "LOST")) {
                arq[j].job = "LOST";
                lost = 1;
            }
        if (!lost)
            return REFUSED;
    } else {
        return UNKNOWN_ACTION;
    }
    faults--;
    return OK;
}

/* The wire.  Of a request no more is read than is needed. */

static int number(word line, word key, int otherwise)
{
    char quoted[40];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    word at = strstr(line, quoted);
    return at ? atoi(at + strlen(quoted)) : otherwise;
}

static void text(word line, word key, char *into, size_t size)
{
    char quoted[40];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    word at = strstr(line, quoted);
    if (at)
        at = strchr(at + strlen(quoted), '"');
    snprintf(into, size, "%.*s", at ? (int)strcspn(at + 1, "\"") : 0,
             at ? at + 1 : "");
}

static void member(word name, int i, int value)
{
    printf(",\"%s[%d]\":", name, i);
    printf(value == NOBODY ? "null" : "%d", value);
}

static void observe(void)
{
    printf("\"observed\":{\"reachable\":true");
    for (int i = 0; i < COUNT; i++) {
        printf(",\"arq[%d]\":\"%s\",\"nova[%d]\":\"%s\",\"use[%d]\":\"%s\"",
               i, arq[i].state, i, server[i].state, i, handle[i].use);
        printf(",\"charged[%d]\":%s", i, arq[i].charged ? "true" : "false");
        member("handle", i, arq[i].handle);
        member("guest", i, handle[i].guest);
        member("claim", i, server[i].claimed ? 0 : NOBODY);
    }
    printf("}");
}

static word HELLO =
    "\"model\":\"stein.attach\","
    "\"implementation\":{\"name\":\"toy\",\"version\":\"1\"},"
    "\"roles\":[\"cyborg\",\"nova\",\"placement\"],"
    "\"actions\":[\"claim\",\"post\",\"ask_bind\",\"register\",\"poll\","
    "\"attach\",\"run\",\"time_out\",\"lose_event\",\"bind_times_out\","
    "\"crash_conductor\"],\"hidden\":[\"start_bind\",\"ignore_request\","
    "\"take\",\"no_handle\",\"prepare\",\"bound\",\"sweep\",\"deliver\"],"
    "\"observed\":[\"arq\",\"nova\",\"use\",\"charged\",\"handle\",\"guest\","
    "\"claim\",\"reachable\"],\"settle\":0";

int main(void)
{
    static char line[1 << 16];
    static word outcomes[] = {"ok", "refused", "not implemented"};

    start();
    while (fgets(line, sizeof line, stdin)) {
        char ask[16], action[40];
        text(line, "ask", ask, sizeof ask);
        printf("{\"id\":%d,", number(line, "id", 0));
        if (is(ask, "hello")) {
            printf("%s", HELLO);
        } else if (is(ask, "start")) {
            start();
            printf("\"outcome\":\"ok\",");
            observe();
        } else if (is(ask, "call")) {
            text(line, "action", action, sizeof action);
            int i = number(line, "instance", number(line, "arq", 0));
            printf("\"outcome\":\"%s\",", outcomes[call(action, i)]);
            chance = chance * 1103515245u + 12345u;
            if (chance >> 31)
                work(chance >> 30 & 1);
            observe();
        } else if (is(ask, "observe")) {
            for (int i = 0; i < COUNT; i++)
                while (work(i))
                    ;
            observe();
        } else {
            printf("\"outcome\":\"ok\"");
        }
        printf("}\n");
        fflush(stdout);
        if (is(ask, "stop"))
            break;
    }
    return 0;
}
