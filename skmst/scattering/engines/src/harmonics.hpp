// Solid harmonic scattering of real 3-D fields, one field at a time.
//
// The grid is (A, B, C), its last axis contiguous. A filter of degree l is a Gaussian times sums of a**p Q(b, c), where
// p and Q's degree add up to l. So only p = 0 ... l, not the order m, matters to the inverse transforms along A, which
// come first ("powers of a"). The rest is done plane by plane, in the caches: the harmonics cos and sin of the same
// m > 0 are real and imaginary part of one complex transform, and so are the harmonics m = 0 of two neighbouring planes.
// Sums of squares are rooted, pooled, and transformed again along C and B while they are there.
//
// What is kept are half spectra of real fields, [a][b][c] with c = 0 ... C / 2, plane by plane.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "fft.hpp"
#include "memory.hpp"

namespace skmst {

// A Gaussian and what the numbers behind it are multiplied with.
template <class T>
struct HarmonicScale {
    std::vector<T> along_a;    // of a power p and frequency a: Gaussian times a**p, over the number of points
    std::vector<T> across;     // Gaussian of b and c, for half a plane
    std::vector<int> lengths;  // for each b, how many c are alive
    std::vector<char> blocks;  // which W columns of half a plane are alive
    std::vector<T> gains;      // sigma**l of each degree
    int most = 0;              // longest of the lengths
};

// One of the terms a**p Q(b, c): a pair of Q for m > 0, a single one, cosine alone, for m = 0.
template <class T>
struct HarmonicTerm {
    int p;
    std::vector<T> cosine, sine;
};

template <class T>
class HarmonicProgram {
    using L = Lanes<T>;
    static constexpr int W = L::W;

public:
    using Axes = std::array<int, 3>;
    enum class Pool { sums, points, averages };

    // `extension` has the point of the field at each place of the grid, -1 for empty space; `inside` is what is pooled.
    HarmonicProgram(Axes grid, Axes own, std::array<std::vector<int>, 3> extension, Axes inside, int pool, int step,
                    std::vector<double> powers, int degrees)
        : A(grid[0]), B(grid[1]), C(grid[2]), half(C / 2 + 1), own(own), inside(inside), extension(std::move(extension)),
          pool(Pool(pool)), step(step), powers(std::move(powers)), terms(degrees), along_a(A), along_b(B), along_c(C) {
        for (int axis = 0; axis < 3; ++axis) {
            if (int(this->extension[axis].size()) != grid[axis]) throw std::invalid_argument("the extension does not fit");
            outputs[axis] = pool == 0 ? 1 : (inside[axis] + step - 1) / step;
        }
        for (int l = 0; l < degrees; ++l) terms[l].resize(l + 1);
        ones.assign(plane(), T(1));
    }

    void add_scale(const std::vector<double>& weights_a, const std::vector<double>& across, std::vector<int> lengths,
                   const std::vector<double>& gains) {
        if (weights_a.size() % A || across.size() != std::size_t(B) * half || int(lengths.size()) != B)
            throw std::invalid_argument("the Gaussian does not fit");
        HarmonicScale<T> made{{weights_a.begin(), weights_a.end()}, padded(across), std::move(lengths), {}, {gains.begin(), gains.end()}};
        made.blocks.resize(plane() / W + 1);
        for (int b = 0; b < B; ++b) {
            made.most = std::max(made.most, made.lengths[b]);
            const std::size_t first = std::size_t(b) * half, last = first + round_up(made.lengths[b], W);
            for (std::size_t i = first / W; i * W < last && i < made.blocks.size(); ++i) made.blocks[i] = 1;
        }
        scales.push_back(std::move(made));
    }

    void add_term(int l, int m, int p, const std::vector<double>& cosine, const std::vector<double>& sine) {
        if (cosine.size() != std::size_t(B) * half || sine.size() != cosine.size())
            throw std::invalid_argument("the harmonic does not fit");
        terms.at(l).at(m).push_back({p, padded(cosine), padded(sine)});
    }

    // Scattering at scale j1, then at scales j2; the rows of the output for all degrees.
    void add_path(int j1, std::vector<int> rows, std::vector<int> j2, std::vector<std::vector<int>> rows_2) {
        paths.push_back({j1, std::move(rows), std::move(j2), std::move(rows_2)});
    }

    struct Path {
        int j1;
        std::vector<int> rows, j2;
        std::vector<std::vector<int>> rows_2;  // [j2][l]
    };

    const int A, B, C, half;
    const Axes own, inside;
    Axes outputs;
    const std::array<std::vector<int>, 3> extension;
    const Pool pool;
    const int step;
    const std::vector<double> powers;
    std::vector<std::vector<std::vector<HarmonicTerm<T>>>> terms;  // [l][m]
    std::vector<HarmonicScale<T>> scales;                          // the last one is the low-pass, where there is one
    std::vector<Path> paths;
    std::vector<T> ones;  // weights of half a plane
    const LaneFFT<T> along_a, along_b, along_c;

    int degrees() const { return int(terms.size()); }
    std::size_t points() const { return std::size_t(own[0]) * own[1] * own[2]; }
    std::size_t outputs_of_row() const { return std::size_t(outputs[0]) * outputs[1] * outputs[2]; }
    std::size_t n_coefficients() const {
        std::size_t n = 1;
        for (const Path& path : paths) {
            n += path.rows.size();
            for (const auto& rows : path.rows_2) n += rows.size();
        }
        return n * powers.size() * outputs_of_row();
    }

    // Numbers of half a plane, and from one to the next: an odd number of cache lines, or columns along A would meet in
    // the same cache sets.
    std::size_t half_plane() const { return std::size_t(B) * half; }
    std::size_t plane() const { return (round_up((half_plane() + 2 * W) * sizeof(T), 64) / 64 | 1) * (64 / sizeof(T)); }

private:
    std::vector<T> padded(const std::vector<double>& values) const {
        std::vector<T> made(values.begin(), values.end());
        made.resize(plane());
        return made;
    }
};

}  // namespace skmst
