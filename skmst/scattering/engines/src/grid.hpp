// Fourier transforms of fields on one grid of one to three axes, vectorised inside the transform.
//
// A signal is (Z, Y, X) in space, row by row, with the X of several signals side by side: [z][y][signal][x]. Its
// spectrum is [kx][kz][signal][ky]: the axis that is transformed last comes first, which saves a transposition. The
// spectrum of a real signal holds ky = 0 ... Y / 2; the rest is the conjugate of what is at (-kz, -ky, -kx).
// Real and imaginary parts are arrays of their own ("planes"), so that lanes run along what is contiguous in memory.
//
// A 1-D signal of N = Y X points is such a grid, x[X y + x] and X[Y kx + ky], with twiddles between the two transforms
// (Bailey's four steps).
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "fft.hpp"

namespace skmst {

template <class T>
struct Planes {
    T* re = nullptr;
    T* im = nullptr;
};

template <class T>
class Grid {
    using L = Lanes<T>;
    using V = typename L::V;
    static constexpr int W = L::W;

public:
    const int Z, Y, X;
    const bool line;  // whether it is a 1-D grid, folded
    const int half;   // number of ky of a real signal

    Grid(int z, int y, int x, bool is_line)
        : Z(z), Y(y), X(x), line(is_line), half(y / 2 + 1), along_x_(x), along_y_(y), along_z_(z) {
        if (!line) return;
        const double turn = 2 * detail::PI / (double(Y) * X);
        for (auto* table : {&cos_, &sin_}) table->resize(std::size_t(Y) * X);
        for (int ky = 0; ky < Y; ++ky)
            for (int x_ = 0; x_ < X; ++x_) {
                cos_[std::size_t(ky) * X + x_] = T(std::cos(turn * (double(ky) * x_)));
                sin_[std::size_t(ky) * X + x_] = T(std::sin(turn * (double(ky) * x_)));
            }
        cos_by_x_.resize(cos_.size()), sin_by_x_.resize(sin_.size());
        for (int ky = 0; ky < Y; ++ky)
            for (int x_ = 0; x_ < X; ++x_) {
                cos_by_x_[std::size_t(x_) * Y + ky] = cos_[std::size_t(ky) * X + x_];
                sin_by_x_[std::size_t(x_) * Y + ky] = sin_[std::size_t(ky) * X + x_];
            }
    }

    std::size_t points() const { return std::size_t(Z) * Y * X; }
    int depth(bool real) const { return real ? half : Y; }

    // Numbers from one row to the next, and in one plane, of n signals.
    std::size_t space_stride(int n) const { return row_stride<T>(std::size_t(n) * X); }
    std::size_t space_size(int n) const { return space_stride(n) * Z * Y; }
    std::size_t mixed_size(int n, bool real) const { return space_stride(n) * Z * depth(real); }
    std::size_t spectrum_stride(int n, bool real) const { return row_stride<T>(std::size_t(Z) * n * depth(real)); }
    std::size_t spectrum_size(int n, bool real) const { return spectrum_stride(n, real) * X; }

    // Numbers of scratch that a thread needs for any of the transforms.
    std::size_t scratch() const {
        const std::size_t longest = std::max(X, std::max(Y, Z));
        return longest * W * (4 + 2 + 2 + 2);
    }

    // First half of the transform of real signals, columns along y: two blocks of W of them, read as real and imaginary
    // parts of one (row stride `stride`), go to rows ky of `mixed`.
    void columns_of_two_blocks(View<T> blocks, Planes<T> mixed, std::size_t row, bool both, T* scratch) const {
        T* z = scratch;
        T* work = scratch + std::size_t(2) * W * Y;
        along_y_.run(blocks, {z, z + W, 2 * W}, work);
        for (int k = 0; k < half; ++k) {
            const T *a = z + std::size_t(2) * W * k, *b = z + std::size_t(2) * W * (k ? Y - k : 0);
            const V ar = L::load(a), ai = L::load(a + W), br = L::load(b), bi = L::load(b + W);
            T *re = mixed.re + k * row, *im = mixed.im + k * row;
            L::store(re, (ar + br) * T(0.5));
            L::store(im, (ai - bi) * T(0.5));
            if (!both) continue;
            L::store(re + W, (ai + bi) * T(0.5));
            L::store(im + W, (br - ar) * T(0.5));
        }
    }

    // Second half: from `mixed` [z][ky][signal][x] to the spectrum. Also for complex signals, whose first half follows.
    void rows(Planes<T> mixed, Planes<T> spectrum, int n, bool real, T* scratch) const {
        const std::size_t row = space_stride(n), to = spectrum_stride(n, real), count = std::size_t(Z) * n * depth(real);
        if (Z > 1) columns(along_z_, {mixed.re, mixed.im, depth(real) * row}, depth(real) * row, scratch);
        T* z = scratch;
        T* work = scratch + std::size_t(2) * W * X;
        for (std::size_t r = 0; r < count; r += W) {
            const T* lines[2][W];
            int ky[W];
            for (int i = 0; i < W; ++i) {
                const std::size_t at = std::min(r + i, count - 1);
                const std::size_t signal = at / depth(real) % n, kz = at / depth(real) / n;
                ky[i] = int(at % depth(real));
                const std::size_t offset = (kz * depth(real) + ky[i]) * row + signal * X;
                lines[0][i] = mixed.re + offset, lines[1][i] = mixed.im + offset;
            }
            gather(lines, X, z, line ? &cos_ : nullptr, line ? &sin_ : nullptr, ky, T(-1));
            along_x_.run({z, z + W, 2 * W}, {spectrum.re + r, spectrum.im + r, to}, work);
        }
    }

    // Spectra of n real signals; `mixed` is workspace of mixed_size(n, true). What pads the rows is set to zero: it shares
    // transforms with signals, whose rounding would depend on it.
    void spectra_of_real(T* space, Planes<T> mixed, Planes<T> spectrum, int n, T* scratch) const {
        const std::size_t row = space_stride(n), count = std::size_t(n) * X;
        for (int zy = 0; zy < Z * Y; ++zy) std::fill(space + zy * row + count, space + (zy + 1) * row, T(0));
        for (int z = 0; z < Z; ++z)
            for (std::size_t r = 0; r < count; r += 2 * W) {
                const bool both = r + W < count;
                T* from = space + z * Y * row + r;
                const std::size_t to = z * half * row + r;
                columns_of_two_blocks({from, from + (both ? W : 0), row}, {mixed.re + to, mixed.im + to}, row, both, scratch);
            }
        rows(mixed, spectrum, n, true, scratch);
    }

    // Spectra of n complex signals, which are overwritten.
    void spectra_of_complex(Planes<T> space, Planes<T> spectrum, int n, T* scratch) const {
        const std::size_t row = space_stride(n);
        for (int z = 0; z < Z; ++z)
            columns(along_y_, {space.re + z * Y * row, space.im + z * Y * row, row}, row, scratch);
        rows(space, spectrum, n, false, scratch);
    }

    // Inverse transforms (times the number of points) of n full spectra, which are overwritten, W columns at a time:
    // sink(z, r, columns) receives [y][re, im][W] for the columns r ... r + W - 1 of the rows [signal][x].
    template <class Sink>
    void synthesise(Planes<T> spectrum, int n, T* scratch, Sink&& sink) const {
        const std::size_t row = spectrum_stride(n, false), count = std::size_t(n) * X;
        columns(along_x_, View<T>{spectrum.im, spectrum.re, row}, row, scratch);
        columns_along_z(spectrum, n, false, scratch);
        T* z = scratch;
        T* work = scratch + std::size_t(2) * W * Y;
        for (int at_z = 0; at_z < Z; ++at_z)
            for (std::size_t r = 0; r < count; r += W) {
                gather_by_x(spectrum, n, false, at_z, r, z);
                along_y_.run({z + W, z, 2 * W}, {z + W, z, 2 * W}, work);
                sink(at_z, r, z);
            }
    }

    // The transpose of `spectra_of_real`: adds Re sum_k spectrum[k] exp(2 pi i k x) over the ky that are stored to
    // real signals. The spectra are overwritten.
    void add_transposed(Planes<T> spectrum, T* space, int n, T* scratch) const {
        const std::size_t row = spectrum_stride(n, true), to = space_stride(n), count = std::size_t(n) * X;
        columns(along_x_, View<T>{spectrum.im, spectrum.re, row}, row, scratch);
        columns_along_z(spectrum, n, true, scratch);
        T* z = scratch;
        T* work = scratch + std::size_t(2) * W * Y;
        for (int at_z = 0; at_z < Z; ++at_z)
            for (std::size_t r = 0; r < count; r += W) {
                gather_by_x(spectrum, n, true, at_z, r, z);
                std::fill(z + std::size_t(2) * W * half, z + std::size_t(2) * W * Y, T(0));
                along_y_.run({z + W, z, 2 * W}, {z + W, z, 2 * W}, work);
                T* out = space + at_z * Y * to + r;
                for (int y = 0; y < Y; ++y) L::store(out + y * to, L::load(out + y * to) + L::load(z + std::size_t(2) * W * y));
            }
    }

    // From half spectra of n real signals to whole ones, and the transpose of that.
    void unfold(Planes<T> halves, Planes<T> whole, int n) const {
        each_line(n, [&](std::size_t half_row, std::size_t row, std::size_t mirror) {
            std::copy_n(halves.re + half_row, half, whole.re + row);
            std::copy_n(halves.im + half_row, half, whole.im + row);
            for (int ky = half; ky < Y; ++ky) {
                whole.re[row + ky] = halves.re[mirror + Y - ky];
                whole.im[row + ky] = -halves.im[mirror + Y - ky];
            }
        });
    }

    void fold(Planes<T> whole, Planes<T> halves, int n) const {
        each_line(n, [&](std::size_t half_row, std::size_t row, std::size_t) {
            std::copy_n(whole.re + row, half, halves.re + half_row);
            std::copy_n(whole.im + row, half, halves.im + half_row);
        });
        each_line(n, [&](std::size_t, std::size_t row, std::size_t mirror) {
            for (int ky = half; ky < Y; ++ky) {
                halves.re[mirror + Y - ky] += whole.re[row + ky];
                halves.im[mirror + Y - ky] -= whole.im[row + ky];
            }
        });
    }

private:
    // Calls each(place in the half spectrum, in the whole one, in the half one of the mirrored line) of lines along ky.
    template <class F>
    void each_line(int n, F&& each) const {
        const std::size_t half_stride = spectrum_stride(n, true), stride = spectrum_stride(n, false);
        for (int kx = 0; kx < X; ++kx)
            for (int kz = 0; kz < Z; ++kz) {
                const int mirror_x = line ? X - 1 - kx : (X - kx) % X, mirror_z = (Z - kz) % Z;
                for (int i = 0; i < n; ++i)
                    each(kx * half_stride + (std::size_t(kz) * n + i) * half, kx * stride + (std::size_t(kz) * n + i) * Y,
                         mirror_x * half_stride + (std::size_t(mirror_z) * n + i) * half);
            }
    }

    // Transforms of all columns of a matrix, in place.
    static void columns(const LaneFFT<T>& fft, View<T> matrix, std::size_t n_columns, T* work) {
        for (std::size_t r = 0; r < n_columns; r += W) {
            const View<T> block{matrix.re + r, matrix.im + r, matrix.stride};
            fft.run(block, block, work);
        }
    }

    void columns_along_z(Planes<T> spectrum, int n, bool real, T* scratch) const {
        const std::size_t row = spectrum_stride(n, real), count = std::size_t(n) * depth(real);
        if (Z == 1) return;
        for (int x = 0; x < X; ++x)
            for (std::size_t r = 0; r < count; r += W) {
                // The last block may reach into the next kz: it starts early enough instead.
                const std::size_t at = x * row + r;
                if (r + W <= count) {
                    const View<T> block{spectrum.im + at, spectrum.re + at, count};
                    along_z_.run(block, block, scratch);
                } else {
                    few_columns_along_z(spectrum, at, count, int(count - r), scratch);
                }
            }
    }

    void few_columns_along_z(Planes<T> spectrum, std::size_t at, std::size_t stride, int lanes, T* scratch) const {
        T* z = scratch + along_z_.scratch();
        for (int k = 0; k < Z; ++k)
            for (int i = 0; i < W; ++i) {
                z[(2 * k) * W + i] = i < lanes ? spectrum.re[at + k * stride + i] : T(0);
                z[(2 * k + 1) * W + i] = i < lanes ? spectrum.im[at + k * stride + i] : T(0);
            }
        const View<T> block{z + W, z, 2 * W};
        along_z_.run(block, block, scratch);
        for (int k = 0; k < Z; ++k)
            for (int i = 0; i < lanes; ++i) {
                spectrum.re[at + k * stride + i] = z[(2 * k) * W + i];
                spectrum.im[at + k * stride + i] = z[(2 * k + 1) * W + i];
            }
    }

    // The lines along ky at W places (signal, x), one in each lane.
    void gather_by_x(Planes<T> spectrum, int n, bool real, int at_z, std::size_t r, T* z) const {
        const std::size_t row = spectrum_stride(n, real), count = std::size_t(n) * X;
        const T* lines[2][W];
        int xs[W];
        for (int i = 0; i < W; ++i) {
            const std::size_t at = std::min(r + i, count - 1), signal = at / X;
            xs[i] = int(at % X);
            const std::size_t offset = xs[i] * row + (std::size_t(at_z) * n + signal) * depth(real);
            lines[0][i] = spectrum.re + offset, lines[1][i] = spectrum.im + offset;
        }
        gather(lines, depth(real), z, line ? &cos_by_x_ : nullptr, line ? &sin_by_x_ : nullptr, xs, T(1));
    }

    // W lines of n complex numbers, transposed to [n][re, im][W]; turned by exp(sign i angle) of each line's own row of
    // twiddles where there are any.
    void gather(const T* (&lines)[2][W], int n, T* z, const std::vector<T>* cosines, const std::vector<T>* sines,
                const int (&which)[W], T sign) const {
        const std::size_t period = cosines ? cosines->size() / (cosines == &cos_ ? Y : X) : 0;
        int k = 0;
        for (; k + W <= n; k += W) {
            V re[W], im[W];
            for (int i = 0; i < W; ++i) {
                re[i] = L::load(lines[0][i] + k), im[i] = L::load(lines[1][i] + k);
                if (cosines) {
                    const V c = L::load(cosines->data() + which[i] * period + k);
                    const V s = L::load(sines->data() + which[i] * period + k) * sign;
                    const V turned = re[i] * c - im[i] * s;
                    im[i] = re[i] * s + im[i] * c;
                    re[i] = turned;
                }
            }
            transpose<T>(re);
            transpose<T>(im);
            for (int i = 0; i < W; ++i) {
                L::store(z + std::size_t(2) * W * (k + i), re[i]);
                L::store(z + std::size_t(2) * W * (k + i) + W, im[i]);
            }
        }
        for (; k < n; ++k)
            for (int i = 0; i < W; ++i) {
                T re = lines[0][i][k], im = lines[1][i][k];
                if (cosines) {
                    const T c = (*cosines)[which[i] * period + k], s = (*sines)[which[i] * period + k] * sign;
                    const T turned = re * c - im * s;
                    im = re * s + im * c;
                    re = turned;
                }
                z[std::size_t(2) * W * k + i] = re, z[std::size_t(2) * W * k + W + i] = im;
            }
    }

    LaneFFT<T> along_x_, along_y_, along_z_;
    std::vector<T> cos_, sin_, cos_by_x_, sin_by_x_;  // of the angle of twiddles, [ky][x] and [x][ky]
};

}  // namespace skmst
