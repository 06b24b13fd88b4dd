/* Threads that live for one call: a team runs a function together and is gone when it returns. */
#ifndef CBACKPROP_TEAM_H
#define CBACKPROP_TEAM_H

#include <stddef.h>

/* Threads need POSIX threads and C11 atomics; elsewhere a team has one member and its barrier is no wait. */
#if !defined(_WIN32) && !defined(__STDC_NO_ATOMICS__)
#define CBACKPROP_THREADS 1
#include <pthread.h>
#include <stdatomic.h>
#else
#define CBACKPROP_THREADS 0
#endif

typedef struct {
    int members;
#if CBACKPROP_THREADS
    char pad0[64]; /* the counters stand alone on their cache lines: members write the one while they read the other */
    atomic_int arrived;
    char pad1[64];
    atomic_int round;
    atomic_int asleep;
    pthread_mutex_t lock;
    pthread_cond_t turn;
    double slept; /* seconds, all members together, in this run of the team */
    double deadline;
    _Atomic(ptrdiff_t) final;
#else
    ptrdiff_t final;
#endif
} Barrier;

void barrier_init(Barrier *barrier, int members);
void barrier_destroy(Barrier *barrier);

/* Returns when all members have called it. A waiting member soon lets others use its processor, and then sleeps. */
void barrier_wait(Barrier *barrier);

/* The time of a team's members in one run, in seconds, summed over them; both 0 where the system does not tell. */
typedef struct {
    double used;    /* of a processor */
    double missing; /* awake, without a processor */
} MemberTime;

/* Runs work(member[i]) for all members of the barrier together, with subnormal numbers as 0, member[0] on the calling thread, and returns 0 when all
 * have ended. Where the system refuses a thread it returns -1, and nothing was run. What was spent is told of a team of
 * several; one alone need not ask. */
int team_run(Barrier *barrier, void (*work)(void *member), void **member, MemberTime *spent);

/* A team of several works on numbered mini-batches, up to the final one or for so many seconds: */
void team_set_end(Barrier *barrier, ptrdiff_t final, double duration);

/* Whether there is another after this one. Each member asks, with its number, after each mini-batch, and each gets the
 * same answer: assumes that a barrier stands in every mini-batch. */
int team_goes_on(Barrier *barrier, int number, ptrdiff_t batch);

/* The mini-batch that became the final one. */
ptrdiff_t team_end(const Barrier *barrier);

#endif
