/*
 * Something for each member of a family, and of all, any or how many of its
 * members.  Promela has arrays and no quantifiers; these are of the
 * preprocessor, so that a guard stays one expression, and a step one atomic
 * choice without a variable to count with.
 *
 * A model says for each of its families how many members there are, and
 * which of the three lists below is its own: one list may not be used
 * within itself.
 */
#define A_1(op, p, ...) p(0, ##__VA_ARGS__)
#define A_2(op, p, ...) A_1(op, p, ##__VA_ARGS__) op p(1, ##__VA_ARGS__)
#define A_3(op, p, ...) A_2(op, p, ##__VA_ARGS__) op p(2, ##__VA_ARGS__)
#define A_4(op, p, ...) A_3(op, p, ##__VA_ARGS__) op p(3, ##__VA_ARGS__)
#define A_5(op, p, ...) A_4(op, p, ##__VA_ARGS__) op p(4, ##__VA_ARGS__)
#define A_6(op, p, ...) A_5(op, p, ##__VA_ARGS__) op p(5, ##__VA_ARGS__)

#define B_1(op, p, ...) p(0, ##__VA_ARGS__)
#define B_2(op, p, ...) B_1(op, p, ##__VA_ARGS__) op p(1, ##__VA_ARGS__)
#define B_3(op, p, ...) B_2(op, p, ##__VA_ARGS__) op p(2, ##__VA_ARGS__)
#define B_4(op, p, ...) B_3(op, p, ##__VA_ARGS__) op p(3, ##__VA_ARGS__)
#define B_5(op, p, ...) B_4(op, p, ##__VA_ARGS__) op p(4, ##__VA_ARGS__)
#define B_6(op, p, ...) B_5(op, p, ##__VA_ARGS__) op p(5, ##__VA_ARGS__)

#define C_1(op, p, ...) p(0, ##__VA_ARGS__)
#define C_2(op, p, ...) C_1(op, p, ##__VA_ARGS__) op p(1, ##__VA_ARGS__)
#define C_3(op, p, ...) C_2(op, p, ##__VA_ARGS__) op p(2, ##__VA_ARGS__)
#define C_4(op, p, ...) C_3(op, p, ##__VA_ARGS__) op p(3, ##__VA_ARGS__)
#define C_5(op, p, ...) C_4(op, p, ##__VA_ARGS__) op p(4, ##__VA_ARGS__)
#define C_6(op, p, ...) C_5(op, p, ##__VA_ARGS__) op p(5, ##__VA_ARGS__)

#define CAT_(list, size) list ## size
#define CAT(list, size) CAT_(list, size)

/*
 * A step that happens at last when it stays possible is a MUST, one that
 * may or may not happen a MAY.  For what must always hold they are all
 * choices of one process.  With LIVENESS each MUST is a process of its own,
 * for Spin is fair to processes and not to choices.
 */
#define MAY(x, step) :: step(x)
#ifdef LIVENESS
#define MUST(x, step) active proctype step ## _ ## x() { do :: step(x) od }
#define MUST2(y, x, step) \
    active proctype step ## _ ## x ## _ ## y() { do :: step(x, y) od }
#define MUST0(step) active proctype step ## _() { do :: step() od }
#else
#define MUST(x, step) :: step(x)
#define MUST2(y, x, step) :: step(x, y)
#define MUST0(step) :: step()
#endif

/*
 * A property that is broken stops Spin with the message "assertion violated
 * !(n)", where n is its number.
 */
#define ALWAYS(p) :: atomic { !(p) -> assert(!(NR_ ## p)) }
#define ALWAYS_EACH(list, p) \
    :: atomic { !(list(&&, p)) -> assert(!(NR_ ## p)) }
