/* Threads that live for one call: a team runs a function together and is gone when it returns. */
#ifndef CBACKPROP_TEAM_H
#define CBACKPROP_TEAM_H

#include <stddef.h>

/* Threads need POSIX threads and C11 atomics; elsewhere a team has one member, and its barrier does not wait. */
#if !defined(_WIN32) && !defined(__STDC_NO_ATOMICS__)
#define CBACKPROP_THREADS 1
#include <pthread.h>
#include <stdatomic.h>
#else
#define CBACKPROP_THREADS 0
#endif

typedef struct {
    int members;
    int spins; /* looks at the round before a waiting member yields */
#if CBACKPROP_THREADS
    char pad0[64]; /* each counter has its own cache line: members write one while they read the other */
    atomic_int arrived;
    char pad1[64];
    atomic_int round;
    atomic_int asleep;
    pthread_mutex_t lock;
    pthread_cond_t next_round;
    double slept; /* seconds, of all members, in this run of the team */
    double deadline;
    _Atomic(ptrdiff_t) final;
#else
    ptrdiff_t final;
#endif
} Barrier;

void barrier_init(Barrier *barrier, int members);
void barrier_destroy(Barrier *barrier);

/* Returns when all members have called it. A waiting member soon yields its processor, and then sleeps. */
void barrier_wait(Barrier *barrier);

/* Both halves of barrier_wait: barrier_await returns when all members have arrived. What a member does between the two
 * hides the wait; it gives the one the round that the other returned. */
int barrier_arrive(Barrier *barrier);
void barrier_await(Barrier *barrier, int round);

/* The time of a team's members in one run, in seconds, summed over them; both 0 if the system does not say. */
typedef struct {
    double used;    /* of a processor */
    double missing; /* awake, without a processor */
} MemberTime;

/* Runs work(member[i]) for all members of the barrier at once, member[0] on the calling thread, with subnormal numbers
 * as 0, and returns 0 when all have ended. If the system refuses a thread it returns -1, and nothing was run. `spent`
 * is 0 for a team of one. */
int team_run(Barrier *barrier, void (*work)(void *member), void **member, MemberTime *spent);

/* A team of several works on numbered mini-batches, up to the final one or for `duration` seconds. */
void team_set_end(Barrier *barrier, ptrdiff_t final, double duration);

/* Whether another mini-batch follows this one. Each member calls it with its number after each mini-batch, and all get
 * the same answer. Assumes that every mini-batch has a barrier. */
int team_goes_on(Barrier *barrier, int number, ptrdiff_t batch);

/* The final mini-batch, once the team has ended. */
ptrdiff_t team_end(const Barrier *barrier);

#endif
