#if defined(__linux__)
#define _GNU_SOURCE /* for sched_getcpu */
#endif

#include "team.h"

#include "subnormals.h"

/* A member's work, with subnormal numbers as 0 in its thread. */
static void work_flushing(void (*work)(void *member), void *member) {
    const FloatMode before = flush_subnormals();
    work(member);
    set_float_mode(before);
}

#if CBACKPROP_THREADS

#include <sched.h>
#include <stdlib.h>
#include <time.h>

/* A waiting member spins for some tens of microseconds, several steps of a small mini-batch. Then it yields its
 * processor. With nobody else to run, a yield returns within a microsecond, so in a slow step the member soon sleeps.
 * It does not yield sooner, because a program beside it would take the processor for milliseconds: with a busy one,
 * that took ten times as long. But if there are more members than processors, those that it waits for should run at
 * once. */
enum { SPINS = 1000, SPINS_IN_A_CROWD = 100, YIELDS = 100 };

#define WAKING 200e-6 /* seconds: waking a thread may take so long */

static double seconds(clockid_t clock) {
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline void pause_a_moment(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void barrier_init(Barrier *barrier, int members) {
    barrier->members = members;
    barrier->spins = SPINS;
    atomic_init(&barrier->arrived, 0);
    atomic_init(&barrier->round, 0);
    atomic_init(&barrier->asleep, 0);
    pthread_mutex_init(&barrier->lock, NULL);
    pthread_cond_init(&barrier->next_round, NULL);
    barrier->slept = 0;
}

void barrier_destroy(Barrier *barrier) {
    pthread_mutex_destroy(&barrier->lock);
    pthread_cond_destroy(&barrier->next_round);
}

int barrier_arrive(Barrier *barrier) {
    const int round = atomic_load_explicit(&barrier->round, memory_order_relaxed);
    if (barrier->members > 1 && atomic_fetch_add(&barrier->arrived, 1) + 1 == barrier->members) {
        atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
        atomic_fetch_add(&barrier->round, 1);
        /* A sleeper counts itself before it looks at the round a last time: one of the two always sees the other. */
        if (atomic_load(&barrier->asleep) > 0) {
            pthread_mutex_lock(&barrier->lock);
            pthread_cond_broadcast(&barrier->next_round);
            pthread_mutex_unlock(&barrier->lock);
        }
    }
    return round;
}

void barrier_await(Barrier *barrier, int round) {
    if (barrier->members == 1) return;
    for (int spin = 0; spin < barrier->spins; spin++) {
        if (atomic_load_explicit(&barrier->round, memory_order_acquire) != round) return;
        pause_a_moment();
    }
    for (int yields = 0; yields < YIELDS; yields++) {
        sched_yield();
        if (atomic_load_explicit(&barrier->round, memory_order_acquire) != round) return;
    }
    const double began = seconds(CLOCK_MONOTONIC);
    pthread_mutex_lock(&barrier->lock);
    atomic_fetch_add(&barrier->asleep, 1);
    while (atomic_load(&barrier->round) == round) pthread_cond_wait(&barrier->next_round, &barrier->lock);
    atomic_fetch_sub(&barrier->asleep, 1);
    barrier->slept += seconds(CLOCK_MONOTONIC) - began;
    pthread_mutex_unlock(&barrier->lock);
}

void barrier_wait(Barrier *barrier) { barrier_await(barrier, barrier_arrive(barrier)); }

/* What the threads of a team share while they are created: none works before all exist. */
typedef struct {
    void (*work)(void *member);
    pthread_mutex_t lock;
    pthread_cond_t decided;
    int decision;  /* 0: wait, 1: work, -1: give up */
    double time;   /* of the decision */
    int processor; /* where the calling thread was, or -1 */
} Start;

typedef struct {
    Start *start;
    void *member;
    pthread_t thread;
    MemberTime spent;
} Seat;

static void work_on(Seat *seat) {
#ifdef CLOCK_THREAD_CPUTIME_ID
    const double began = seconds(CLOCK_MONOTONIC), used = seconds(CLOCK_THREAD_CPUTIME_ID);
    /* A member that starts late, by more than waking a thread takes, had no processor. */
    const double late = began - seat->start->time - WAKING;
    work_flushing(seat->start->work, seat->member);
    seat->spent.used = seconds(CLOCK_THREAD_CPUTIME_ID) - used;
    seat->spent.missing = seconds(CLOCK_MONOTONIC) - began - seat->spent.used + (late > 0 ? late : 0);
#else
    work_flushing(seat->start->work, seat->member);
    seat->spent = (MemberTime){0};
#endif
}

#if defined(__linux__)
static int this_processor(void) { return sched_getcpu(); }

/* How many processors this thread may use; 0: unknown. */
static int n_processors(void) {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
}

/* Moves this thread to another processor, if it is on that one and may be on others. A new thread may begin beside the
 * one that made it, and even if another processor is idle Linux lets the two share one for 4 to 8 ms, a third of a
 * slice of training. Afterwards the system may place the thread as it likes. */
static void leave(int processor) {
    cpu_set_t allowed, others;
    if (sched_getcpu() != processor || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    others = allowed;
    CPU_CLR(processor, &others);
    if (CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof others, &others) == 0)
        sched_setaffinity(0, sizeof allowed, &allowed);
}
#else
static int this_processor(void) { return -1; }
static int n_processors(void) { return 0; }
static void leave(int processor) { (void)processor; }
#endif

static void *sit(void *argument) {
    Seat *seat = argument;
    Start *start = seat->start;
    if (start->processor >= 0) leave(start->processor);
    pthread_mutex_lock(&start->lock);
    while (start->decision == 0) pthread_cond_wait(&start->decided, &start->lock);
    const int decision = start->decision;
    pthread_mutex_unlock(&start->lock);
    if (decision == 1) work_on(seat);
    return NULL;
}

int team_run(Barrier *barrier, void (*work)(void *member), void **member, MemberTime *spent) {
    const int members = barrier->members;
    *spent = (MemberTime){0};
    if (members == 1) {
        work_flushing(work, member[0]);
        return 0;
    }
    Seat *seats = malloc((size_t)members * sizeof(Seat));
    if (!seats) return -1;
    /* Without a processor for each, nobody gains by leaving one. */
    const int processors = n_processors(), crowd = processors > 0 && members > processors;
    Start start = {.work = work, .decision = 0, .processor = crowd ? -1 : this_processor()};
    barrier->spins = crowd ? SPINS_IN_A_CROWD : SPINS;
    pthread_mutex_init(&start.lock, NULL);
    pthread_cond_init(&start.decided, NULL);
    barrier->slept = 0;
    int made = 0;
    for (; made < members; made++) {
        seats[made].start = &start;
        seats[made].member = member[made];
        if (made > 0 && pthread_create(&seats[made].thread, NULL, sit, &seats[made]) != 0) break;
    }
    pthread_mutex_lock(&start.lock);
    start.decision = made == members ? 1 : -1;
    start.time = seconds(CLOCK_MONOTONIC);
    pthread_cond_broadcast(&start.decided);
    pthread_mutex_unlock(&start.lock);
    if (start.decision == 1) work_on(&seats[0]);
    const int result = start.decision == 1 ? 0 : -1;
    for (int i = 1; i < made; i++) pthread_join(seats[i].thread, NULL);
    for (int i = 0; i < members && result == 0; i++) {
        spent->used += seats[i].spent.used;
        spent->missing += seats[i].spent.missing;
    }
    spent->missing = spent->missing > barrier->slept ? spent->missing - barrier->slept : 0;
    pthread_cond_destroy(&start.decided);
    pthread_mutex_destroy(&start.lock);
    free(seats);
    return result;
}

void team_set_end(Barrier *barrier, ptrdiff_t final, double duration) {
    if (barrier->members > 1) barrier->deadline = seconds(CLOCK_MONOTONIC) + duration;
    atomic_store_explicit(&barrier->final, final, memory_order_relaxed);
}

int team_goes_on(Barrier *barrier, int number, ptrdiff_t batch) {
    ptrdiff_t final = atomic_load_explicit(&barrier->final, memory_order_relaxed);
    if (number == 0 && batch + 1 < final && barrier->members > 1 && seconds(CLOCK_MONOTONIC) > barrier->deadline) {
        /* There is one more mini-batch: its barrier shows the others the new end. */
        final = batch + 1;
        atomic_store_explicit(&barrier->final, final, memory_order_relaxed);
    }
    return batch < final;
}

ptrdiff_t team_end(const Barrier *barrier) { return atomic_load_explicit(&barrier->final, memory_order_relaxed); }

#else

void barrier_init(Barrier *barrier, int members) { barrier->members = members; }
void barrier_destroy(Barrier *barrier) { (void)barrier; }
int barrier_arrive(Barrier *barrier) { return (void)barrier, 0; }
void barrier_await(Barrier *barrier, int round) { (void)barrier, (void)round; }
void barrier_wait(Barrier *barrier) { (void)barrier; }

int team_run(Barrier *barrier, void (*work)(void *member), void **member, MemberTime *spent) {
    *spent = (MemberTime){0};
    if (barrier->members != 1) return -1;
    work_flushing(work, member[0]);
    return 0;
}

void team_set_end(Barrier *barrier, ptrdiff_t final, double duration) {
    (void)duration;
    barrier->final = final;
}

int team_goes_on(Barrier *barrier, int number, ptrdiff_t batch) {
    (void)number;
    return batch < barrier->final;
}

ptrdiff_t team_end(const Barrier *barrier) { return barrier->final; }

#endif
