#include "team.h"

#include <stddef.h>

#if CBACKPROP_THREADS

#include <stdlib.h>

/* A mini-batch of a small network lasts ten microseconds: a waiting member spins for about that long before it sleeps.
 */
enum { SPINS = 2000 };

static inline void pause_a_moment(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void barrier_init(Barrier *barrier, int members) {
    barrier->members = members;
    atomic_init(&barrier->arrived, 0);
    atomic_init(&barrier->round, 0);
    atomic_init(&barrier->asleep, 0);
    pthread_mutex_init(&barrier->lock, NULL);
    pthread_cond_init(&barrier->turn, NULL);
}

void barrier_destroy(Barrier *barrier) {
    pthread_mutex_destroy(&barrier->lock);
    pthread_cond_destroy(&barrier->turn);
}

void barrier_wait(Barrier *barrier) {
    if (barrier->members == 1) return;
    const int round = atomic_load_explicit(&barrier->round, memory_order_relaxed);
    if (atomic_fetch_add(&barrier->arrived, 1) + 1 == barrier->members) {
        atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
        atomic_fetch_add(&barrier->round, 1);
        /* A sleeper counts itself before it looks at the round a last time: one of the two always sees the other. */
        if (atomic_load(&barrier->asleep) > 0) {
            pthread_mutex_lock(&barrier->lock);
            pthread_cond_broadcast(&barrier->turn);
            pthread_mutex_unlock(&barrier->lock);
        }
        return;
    }
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load_explicit(&barrier->round, memory_order_acquire) != round) return;
        pause_a_moment();
    }
    pthread_mutex_lock(&barrier->lock);
    atomic_fetch_add(&barrier->asleep, 1);
    while (atomic_load(&barrier->round) == round) pthread_cond_wait(&barrier->turn, &barrier->lock);
    atomic_fetch_sub(&barrier->asleep, 1);
    pthread_mutex_unlock(&barrier->lock);
}

/* What the threads of a team share while they are being made: none works before all are there. */
typedef struct {
    void (*work)(void *member);
    pthread_mutex_t lock;
    pthread_cond_t decided;
    int go; /* 0: wait, 1: work, -1: give up */
} Start;

typedef struct {
    Start *start;
    void *member;
    pthread_t thread;
} Seat;

static void *sit(void *argument) {
    Seat *seat = argument;
    Start *start = seat->start;
    pthread_mutex_lock(&start->lock);
    while (start->go == 0) pthread_cond_wait(&start->decided, &start->lock);
    const int go = start->go;
    pthread_mutex_unlock(&start->lock);
    if (go == 1) start->work(seat->member);
    return NULL;
}

int team_run(int members, void (*work)(void *member), void **member) {
    if (members == 1) {
        work(member[0]);
        return 0;
    }
    Seat *seats = malloc((size_t)members * sizeof(Seat));
    if (!seats) return -1;
    Start start = {.work = work, .go = 0};
    pthread_mutex_init(&start.lock, NULL);
    pthread_cond_init(&start.decided, NULL);
    int made = 1;
    for (; made < members; made++) {
        seats[made].start = &start;
        seats[made].member = member[made];
        if (pthread_create(&seats[made].thread, NULL, sit, &seats[made]) != 0) break;
    }
    pthread_mutex_lock(&start.lock);
    start.go = made == members ? 1 : -1;
    pthread_cond_broadcast(&start.decided);
    pthread_mutex_unlock(&start.lock);
    if (start.go == 1) work(member[0]);
    const int result = start.go == 1 ? 0 : -1;
    for (int i = 1; i < made; i++) pthread_join(seats[i].thread, NULL);
    pthread_cond_destroy(&start.decided);
    pthread_mutex_destroy(&start.lock);
    free(seats);
    return result;
}

#else

void barrier_init(Barrier *barrier, int members) { barrier->members = members; }
void barrier_destroy(Barrier *barrier) { (void)barrier; }
void barrier_wait(Barrier *barrier) { (void)barrier; }

int team_run(int members, void (*work)(void *member), void **member) {
    if (members != 1) return -1;
    work(member[0]);
    return 0;
}

#endif
