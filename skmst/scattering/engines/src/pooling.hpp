// Averages of rectified signals: weights along each axis (a mean, a separable low-pass, a selection of points).
#pragma once

#include <algorithm>
#include <vector>

#include "grid.hpp"

namespace skmst {

// Sums with weights along one periodic axis of n points: out[i] = sum_k weights[k] in[(first + i step + k) mod n].
template <class T>
struct AxisMap {
    using L = Lanes<T>;
    using V = typename L::V;
    static constexpr int W = L::W;
    static constexpr int GROUP = 8;  // outputs that are summed in registers together

    int n, n_out, first, step;
    std::vector<T> weights;  // with zeros around them, so that outputs or inputs of one register may share a range

    AxisMap(int n, int n_out, int first, int step, const T* w, int length)
        : n(n), n_out(n_out), first(first), step(step), length_(length), margin_(std::max(step * (GROUP - 1), W)) {
        weights.assign(std::size_t(margin_) * 2 + length + 2 * W, T(0));
        std::copy(w, w + length, weights.begin() + margin_);
    }

    int length() const { return length_; }
    T weight(int k) const { return weights[margin_ + k]; }
    int point(int output, int k) const { return wrapped(first + output * step + k); }

    // W columns, one element a row: `in` and `out` have their own distances between rows.
    void columns(const T* in, std::size_t from, T* out, std::size_t to) const {
        int o = 0;
        for (; o + 4 <= n_out; o += 4) group_of_columns<4>(o, in, from, out, to);
        for (; o < n_out; ++o) group_of_columns<1>(o, in, from, out, to);
    }

    // One contiguous signal; `extended` is room for it with what wraps around before and behind it.
    void line(const T* in, T* out, int out_step, T* extended) const {
        if (length_ == 1) {
            for (int o = 0; o < n_out; ++o) out[o * out_step] = weights[margin_] * in[wrapped(first + o * step)];
            return;
        }
        const int before = std::max(0, -first);
        for (int done = -before; done < reach();) {
            const int at = wrapped(done), run = std::min(n - at, reach() - done);
            std::copy_n(in + at, run, extended + before + done);
            done += run;
        }
        int o = 0;
        for (; o + GROUP <= n_out; o += GROUP) group_of_line<GROUP>(o, extended + before, out, out_step);
        for (; o + 4 <= n_out; o += 4) group_of_line<4>(o, extended + before, out, out_step);
        for (; o < n_out; ++o) group_of_line<1>(o, extended + before, out, out_step);
    }

    // Adds the transpose of `line`, from gradients with respect to the outputs; `extended` as there.
    void transpose_line(const T* gradient, int gradient_step, T* out, T* extended) const {
        const int count = (n_out - 1) * step + length_;
        const T* w = weights.data() + margin_;
        for (int e = 0; e < count; e += W) {
            const int low = std::max(0, (e - length_ + step) / step), high = std::min(n_out - 1, (e + W - 1) / step);
            V sum{};
            for (int o = low; o <= high; ++o) sum += gradient[o * gradient_step] * L::load(w + e - o * step);
            L::store(extended + e, sum);
        }
        for (int done = 0; done < count;) {
            const int at = wrapped(first + done), run = std::min(n - at, count - done);
            for (int i = 0; i < run; ++i) out[at + i] += extended[done + i];
            done += run;
        }
    }

    // For each point of the axis, which outputs it is part of, and how much.
    std::vector<std::vector<std::pair<int, T>>> transposed() const {
        std::vector<std::vector<std::pair<int, T>>> found(n);
        for (int o = 0; o < n_out; ++o)
            for (int k = 0; k < length_; ++k) found[point(o, k)].push_back({o, weight(k)});
        return found;
    }

    std::size_t extended_size() const { return std::size_t(std::max(0, -first)) + reach() + W; }

private:
    int wrapped(int i) const { return (i % n + n) % n; }

    // The end of what is read behind point 0: whole registers, and all outputs of a group.
    int reach() const { return std::max(n, first + n_out * step + length_) + W; }

    template <int G>
    void group_of_columns(int o, const T* in, std::size_t from, T* out, std::size_t to) const {
        const int begin = first + o * step, count = length_ + (G - 1) * step;
        const T* w = weights.data() + margin_;
        V sums[G] = {};
        for (int k = 0, at = wrapped(begin); k < count; ++k, at = at + 1 == n ? 0 : at + 1) {
            const V u = L::load(in + at * from);
            for (int g = 0; g < G; ++g) sums[g] += w[k - g * step] * u;
        }
        for (int g = 0; g < G; ++g) L::store(out + (o + g) * to, sums[g]);
    }

    template <int G>
    void group_of_line(int o, const T* in, T* out, int out_step) const {
        const int begin = first + o * step, count = length_ + (G - 1) * step;
        const T* w = weights.data() + margin_;
        V sums[G] = {};
        for (int k = 0; k < count;) {  // in parts: each addition to a long sum of positive numbers would cost it a digit
            V parts[G] = {};
            for (const int end = std::min(count, k + 256 * W); k < end; k += W) {
                const V u = L::load(in + begin + k);
                for (int g = 0; g < G; ++g) parts[g] += L::load(w + k - g * step) * u;
            }
            for (int g = 0; g < G; ++g) sums[g] += parts[g];
        }
        for (int g = 0; g < G; ++g) out[(o + g) * out_step] = sum<T>(sums[g]);
    }

    int length_, margin_;
};

template <class T>
class SeparablePooling {
    using L = Lanes<T>;
    static constexpr int W = L::W;

public:
    const Grid<T>& grid;
    const AxisMap<T> z, y, x;  // a 1-D grid has only x, over all its points

    SeparablePooling(const Grid<T>& of, AxisMap<T> z_, AxisMap<T> y_, AxisMap<T> x_)
        : grid(of), z(std::move(z_)), y(std::move(y_)), x(std::move(x_)), of_line_(matrix(x)), of_columns_(y.transposed()) {
        for (std::size_t o = 0; !grid.line && o < round_up(x.n_out, W); o += W) inside_.push_back(range(o));
    }

    int n_out() const { return z.n_out * y.n_out * x.n_out; }

    // Room for the first step: rows [z][output y][signal][x], or one line of a 1-D grid with what wraps around it.
    std::size_t mixed_size(int n) const {
        const std::size_t line = grid.line ? round_up(grid.points(), W) : round_up(grid.X, W) * y.n_out;
        return std::max(line + x.extended_size(), grid.line ? 0 : grid.space_stride(n) * grid.Z * y.n_out);
    }

    // The first step, which the transform takes while columns are at hand.
    void columns(const T* column, std::size_t distance, T* mixed, int at_z, std::size_t r, int n) const {
        const std::size_t row = grid.space_stride(n);
        y.columns(column, distance, mixed + at_z * y.n_out * row + r, row);
    }

    void all_columns(const T* space, T* mixed, int n) const {
        const std::size_t row = grid.space_stride(n), count = std::size_t(n) * grid.X;
        for (int at_z = 0; at_z < grid.Z; ++at_z)
            for (std::size_t r = 0; r < count; r += W)
                columns(space + at_z * grid.Y * row + r, row, mixed, at_z, r, n);
    }

    // The second step, for one signal: out[i * step] for the output points i. Lanes are outputs along x.
    void finish(const T* mixed, int signal, int n, T* out, int step) const {
        const std::size_t row = grid.space_stride(n), wide = round_up(x.n_out, W);
        if (z.length() > 1)
            for (int i = 0; i < n_out(); ++i) out[i * step] = 0;
        for (int o_z = 0; o_z < z.n_out; ++o_z)
            for (int k = 0; k < z.length(); ++k) {
                const T* lines = mixed + std::size_t(z.point(o_z, k)) * y.n_out * row + std::size_t(signal) * grid.X;
                for (int o_y = 0; o_y < y.n_out; ++o_y, lines += row) {
                    T* target = out + (std::size_t(o_z) * y.n_out + o_y) * x.n_out * step;
                    for (std::size_t o = 0; o < wide; o += W) {
                        const typename L::V sums = z.weight(k) * along_x(lines, o, wide);
                        const int count = std::min<int>(W, x.n_out - int(o));
                        for (int i = 0; i < count; ++i)
                            target[(o + i) * step] = z.length() > 1 ? target[(o + i) * step] + sums[i] : sums[i];
                    }
                }
            }
    }

    // A 1-D signal: all in one step.
    void line(const T* space, int signal, int n, T* out, int step, T* room) const {
        const std::size_t row = grid.space_stride(n), X = grid.X;
        for (int y_ = 0; y_ < grid.Y; ++y_) std::copy_n(space + y_ * row + signal * X, X, room + y_ * X);
        x.line(room, out, step, room + round_up(grid.points(), W));
    }

    // Adds the transpose: gradients with respect to the outputs, spread over a signal; `room` as for the first step.
    void transpose(const T* gradient, int step, T* space, int signal, int n, T* room) const {
        const std::size_t row = grid.space_stride(n), X = grid.X, wide = round_up(X, W);
        if (grid.line) {
            T* line = room;
            std::fill_n(line, grid.points(), T(0));
            x.transpose_line(gradient, step, line, room + round_up(grid.points(), W));
            for (int y_ = 0; y_ < grid.Y; ++y_)
                for (std::size_t i = 0; i < X; ++i) space[y_ * row + signal * X + i] += line[y_ * X + i];
            return;
        }
        T *lines = room, *extended = room + wide * y.n_out;
        for (int o_z = 0; o_z < z.n_out; ++o_z) {
            std::fill_n(lines, wide * y.n_out, T(0));
            for (int o_y = 0; o_y < y.n_out; ++o_y)
                x.transpose_line(gradient + (std::size_t(o_z) * y.n_out + o_y) * x.n_out * step, step, lines + o_y * wide, extended);
            for (int k = 0; k < z.length(); ++k)
                for (int y_ = 0; y_ < grid.Y; ++y_) {
                    T* out = space + (std::size_t(z.point(o_z, k)) * grid.Y + y_) * row + std::size_t(signal) * X;
                    add_lines(lines, wide, of_columns_[y_], z.weight(k), out);
                }
        }
    }

private:
    void add_lines(const T* lines, std::size_t wide, const std::vector<std::pair<int, T>>& outputs, T factor, T* out) const {
        int i = 0;
        for (; i + W <= grid.X; i += W) {
            typename L::V sum{};
            for (const auto& [o, weight] : outputs) sum += weight * L::load(lines + o * wide + i);
            L::store(out + i, L::load(out + i) + factor * sum);
        }
        for (; i < grid.X; ++i)
            for (const auto& [o, weight] : outputs) out[i] += factor * weight * lines[o * wide + i];
    }

    typename L::V along_x(const T* line, std::size_t o, std::size_t wide) const {
        const auto [begin, end] = inside_[o / W];
        const T* w = of_line_.data() + begin * wide + o;
        typename L::V a{}, b{}, c{}, d{};
        int i = begin;
        for (; i + 4 <= end; i += 4, w += 4 * wide) {
            a += line[i] * L::load(w);
            b += line[i + 1] * L::load(w + wide);
            c += line[i + 2] * L::load(w + 2 * wide);
            d += line[i + 3] * L::load(w + 3 * wide);
        }
        for (; i < end; ++i, w += wide) a += line[i] * L::load(w);
        return (a + b) + (c + d);
    }

    std::vector<T> matrix(const AxisMap<T>& map) const {
        const std::size_t wide = round_up(map.n_out, W);
        std::vector<T> dense(grid.line ? 0 : wide * map.n, T(0));
        if (!grid.line)
            for (int o = 0; o < map.n_out; ++o)
                for (int k = 0; k < map.length(); ++k) dense[map.point(o, k) * wide + o] += map.weight(k);
        return dense;
    }

    // The inputs along x that W outputs from o on depend on.
    std::pair<int, int> range(std::size_t o) const {
        const std::size_t wide = round_up(x.n_out, W);
        int begin = grid.X, end = 0;
        for (int i = 0; i < grid.X; ++i)
            if (std::any_of(&of_line_[i * wide + o], &of_line_[i * wide + o] + W, [](T w) { return w != 0; }))
                begin = std::min(begin, i), end = i + 1;
        return {std::min(begin, end), end};
    }

    std::vector<T> of_line_;  // the map along x as a matrix [x][output]
    std::vector<std::vector<std::pair<int, T>>> of_columns_;  // for each y, its outputs and weights
    std::vector<std::pair<int, int>> inside_;
};

}  // namespace skmst
