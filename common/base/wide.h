/* wide: functions whose loops over a few lanes are worth wider vectors.
 *
 *	WIDE static void f(double y[16], const double x[16])
 *	{
 *		for (int j = 0; j < 16; j++) …
 *	}
 *
 * The compiler makes a version for AVX2 and one for AVX-512 beside the plain one, and the loader
 * takes the one that fits the machine.  The bits are the same: contraction is off in this tree,
 * and nothing is reordered.  (Sanitizers do not bear what picks the version.)
 */
#ifndef OLMO_BASE_WIDE_H
#define OLMO_BASE_WIDE_H

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) &&  \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WIDE __attribute__((target_clones("arch=skylake-avx512", "avx2", "default")))
#else
#define WIDE
#endif

#endif
