/* Threads that live for one call: a team runs a function together and is gone when it returns. */
#ifndef CBACKPROP_TEAM_H
#define CBACKPROP_TEAM_H

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
#endif
} Barrier;

void barrier_init(Barrier *barrier, int members);
void barrier_destroy(Barrier *barrier);

/* Returns when all members have called it. A member that waits long goes to sleep: it does not keep a processor from
 * others. */
void barrier_wait(Barrier *barrier);

/* Runs work(member[i]) for i = 0 .. members-1 together, member[0] on the calling thread, and returns 0 when all have
 * ended. Where the system refuses a thread it returns -1, and nothing was run. */
int team_run(int members, void (*work)(void *member), void **member);

#endif
