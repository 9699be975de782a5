// The scattering cascade, one field at a time: the tree of a plan, walked depth first.
//
// Of every branch as many signals are treated together as stay in the caches. Rectified signals that are only averaged
// never reach memory: columns are filtered, rectified, averaged and transformed again while they are in the first cache.
#pragma once

#include "memory.hpp"
#include "program.hpp"

namespace skmst {

template <class T>
class Executor {
protected:
    using C = std::complex<T>;
    using L = Lanes<T>;
    static constexpr int W = L::W;

    struct Target {
        int slot, line, filter;  // the signal before, its line among the rows of the output, the filter
    };
    using Targets = std::vector<Target>;

public:
    // With the memory that one thread needs; only the adjoint keeps filtered signals and gradients.
    explicit Executor(const Program<T>& program, bool adjoint = false) : p_(program), arena_(cut(Cutter(), adjoint)) {
        cut(Cutter(arena_.data()), adjoint);
    }

    // The coefficients of one field, or of the blocks of the first order that are `mine` and all that follows them.
    void forward(const T* x, T* out, const std::vector<char>& mine, bool order_0) {
        load_field(x);
        if (order_0) write_mean(out, false);
        spectrum_of_field();
        if (order_0) write_mean(out, true);
        auto next = mine.begin();
        for (const Branch<T>* b : p_.first())
            for (int f = 0; f < b->n_filters(); f += b->block) {
                if (!*next++) continue;
                Targets targets;
                for (int i = f; i < std::min(f + b->block, b->n_filters()); ++i) targets.push_back({0, 0, i});
                descend(*b, targets, spectra_[0], 1, out);
            }
    }

    std::size_t bytes() const { return arena_.size(); }

protected:
    std::size_t cut(Cutter memory, bool adjoint) {
        const auto& sizes = p_.sizes();
        const std::size_t largest = *std::max_element(sizes.filtered.begin(), sizes.filtered.end());
        auto planes = [&](std::size_t n) { return Planes<T>{memory.take<T>(n), memory.take<T>(n)}; };
        product_ = planes(sizes.product), mixed_ = planes(sizes.mixed);
        columns_ = memory.take<T>(sizes.columns), scratch_ = memory.take<T>(sizes.scratch);
        space_ = memory.take<T>(adjoint ? std::max(sizes.space, largest) : sizes.space);
        pooled_ = memory.take<T>(sizes.pooled);
        for (auto* kept : {&spectra_, &slopes_, &filtered_, &gradients_}) kept->clear();
        for (std::size_t n : sizes.spectra) spectra_.push_back(planes(n));
        for (std::size_t n : sizes.spectra)
            if (adjoint) slopes_.push_back(planes(n));
        for (std::size_t n : sizes.filtered) {
            const bool field = gradients_.empty() && filtered_.empty();  // which is not filtered itself
            if (adjoint || !p_.half()) filtered_.push_back(planes(field ? 0 : n));
            if (adjoint) gradients_.push_back(planes(n));
        }
        return memory.used();
    }

    static void clear(Planes<T> planes, std::size_t n) {
        std::memset(planes.re, 0, n * sizeof(T));
        std::memset(planes.im, 0, n * sizeof(T));
    }

    // -- the field --------------------------------------------------------------------------------------------------

    Planes<T> field_planes() const { return p_.complex_fields ? mixed_ : Planes<T>{space_, nullptr}; }

    // Calls each(place on the padded grid, point of the field) for all places.
    template <class F>
    void each_point(F&& each) const {
        const Grid<T>& grid = p_.field();
        const Shape n = p_.padded(), own = p_.shape();
        const auto& extension = p_.extension();
        auto source = [&](int axis, int i) { return extension.empty() ? i : extension[axis][i]; };
        const std::size_t row = grid.space_stride(1);
        for (int z = 0; z < grid.Z; ++z)
            for (int y = 0; y < grid.Y; ++y) {
                const std::size_t at = (std::size_t(z) * n[1] + y) * row;
                const std::size_t line = grid.line ? 0 : (std::size_t(source(0, z)) * own[1] + source(1, y)) * own[2];
                const int first = grid.line ? y * grid.X : 0;
                if (extension.empty())
                    for (int x = 0; x < grid.X; ++x) each(at + x, line + first + x);
                else
                    for (int x = 0; x < grid.X; ++x) each(at + x, line + extension[2][first + x]);
            }
    }

    // To the padded grid, without its mean: only order 0 sees that, and it would cost the other orders digits.
    void load_field(const T* x) {
        if (!sound_) arena_.clear();  // weights of zero would multiply the NaN that the field before has left
        const Planes<T> to = field_planes();
        const std::size_t n = p_.points() * (to.im ? 2 : 1);
        T largest = largest_of(x, n);
        // A power of two keeps squares of moduli from over- and underflow, and changes no digit.
        const int exponent = largest > 0 && std::isfinite(largest) ? std::ilogb(largest) : 0;
        const bool extreme = std::abs(exponent) > (sizeof(T) == 4 ? 20 : 200);
        exponent_ = extreme && p_.rectifier.kind == Kind::modulus ? exponent : 0;
        each_point([&](std::size_t at, std::size_t from) {
            to.re[at] = scaled(to.im ? x[2 * from] : x[from], -exponent_);
            if (to.im) to.im[at] = scaled(x[2 * from + 1], -exponent_);
        });
        largest = scaled(largest, -exponent_) * (to.im ? T(M_SQRT2) : T(1));
        roundoff_ = 4 * std::numeric_limits<T>::epsilon() * largest;
        mean_ = mean_of(to);
        sound_ = std::isfinite(std::abs(mean_)) && largest < std::numeric_limits<T>::max() / (64 * T(p_.points()));
        shift(to, -mean_);
    }

    C mean_of(Planes<T> field) const {
        double re = 0, im = 0;
        each_row([&](std::size_t at) {
            for (int x = 0; x < p_.field().X; ++x) re += field.re[at + x];
            if (p_.complex_fields)
                for (int x = 0; x < p_.field().X; ++x) im += field.im[at + x];
        });
        return C(T(re / double(p_.field().points())), T(im / double(p_.field().points())));
    }

    template <class F>
    void each_row(F&& each) const {
        for (int zy = 0; zy < p_.field().Z * p_.field().Y; ++zy) each(zy * p_.field().space_stride(1));
    }

    static T largest_of(const T* x, std::size_t n) {
        typename L::V most{};
        std::size_t i = 0;
        for (; i + W <= n; i += W) {
            const typename L::V v = L::load(x + i), size = v < 0 ? -v : v;
            most = size > most ? size : most;
        }
        T largest = 0;
        for (int k = 0; k < W; ++k) largest = std::max(largest, most[k]);
        for (; i < n; ++i) largest = std::max(largest, std::abs(x[i]));
        return largest;
    }

    static T scaled(T value, int exponent) { return exponent ? std::ldexp(value, exponent) : value; }

    void shift(Planes<T> field, C by) const {
        each_row([&](std::size_t at) {
            for (int x = 0; x < p_.field().X; ++x) field.re[at + x] += by.real();
            if (p_.complex_fields)
                for (int x = 0; x < p_.field().X; ++x) field.im[at + x] += by.imag();
        });
    }

    // Order zero: before the transform of the field, which may overwrite it, or after it, from the spectrum.
    void write_mean(T* out, bool transformed) {
        if (transformed != (p_.mean().low_pass != nullptr)) return;
        if (transformed)
            pool_spectrum(p_.mean(), spectra_[0], 0, 1, out, p_.complex_fields);
        else
            pool(*p_.mean().separable, field_planes(), 1, [out](int) { return out; }, p_.complex_fields);
        const int step = p_.half() ? 1 : 2;
        for (int i = 0; i < p_.mean().n_out(); ++i) {
            C value(out[i * step], p_.complex_fields ? out[i * step + 1] : T(0));
            value += p_.gain() * mean_;
            if (std::abs(value) <= roundoff_) value = 0;
            out[i * step] = scaled(value.real(), exponent_);
            if (step == 2) out[i * step + 1] = scaled(value.imag(), exponent_);
        }
    }

    void spectrum_of_field() {
        if (p_.complex_fields)
            p_.field().spectra_of_complex(field_planes(), spectra_[0], 1, scratch_);
        else
            spectra_of_real(p_.field(), space_, spectra_[0], 1);
    }

    void spectra_of_real(const Grid<T>& grid, T* space, Planes<T> spectra, int n) {
        grid.spectra_of_real(space, mixed_, product_, n, scratch_);
        grid.unfold(product_, spectra, n);
    }

    // -- forward ----------------------------------------------------------------------------------------------------

    // Filters the targets, a block at a time, and walks on from each block.
    void descend(const Branch<T>& b, const Targets& targets, Planes<T> before, int n_before, T* out) {
        for (std::size_t start = 0; start < targets.size(); start += b.block) {
            const Targets block(targets.begin() + start, targets.begin() + std::min(targets.size(), start + b.block));
            filter(b, block, before, n_before);
            p_.half() ? rectify_columns(b, block, out) : rectify_complex(b, block, out);
            for (const Branch<T>* child : b.children)
                descend(*child, following(*child, block), spectra_[b.depth], int(block.size()), out);
        }
    }

    // Signals that share a filter are filtered together.
    void filter(const Branch<T>& b, const Targets& block, Planes<T> before, int n_before) {
        constexpr int G = Filters<T>::GROUP;
        const int n = int(block.size());
        for (int i = 0; i < n;) {
            int same = 1;
            while (same < G && i + same < n && block[i + same].filter == block[i].filter) ++same;
            if (same == G)
                multiply<G>(b, block, i, before, n_before);
            else if (same > 1)
                multiply<2>(b, block, i, before, n_before), same = 2;
            else
                multiply<1>(b, block, i, before, n_before);
            i += same;
        }
    }

    template <int G>
    void multiply(const Branch<T>& b, const Targets& block, int i, Planes<T> before, int n_before) {
        int slots[G];
        for (int g = 0; g < G; ++g) slots[g] = block[i + g].slot;
        b.filters->template multiply<G>(block[i].filter, before, slots, n_before, product_, i, int(block.size()));
    }

    static Targets following(const Branch<T>& child, const Targets& block) {
        Targets found;
        const int width = int(child.parents.size());
        for (int f = 0; f < child.n_filters(); ++f)
            for (int slot = 0; slot < int(block.size()); ++slot)
                for (int at = 0; at < width; ++at)
                    if (child.parents[at] == block[slot].filter) found.push_back({slot, block[slot].line * width + at, f});
        return found;
    }

    T* row(const Branch<T>& b, const Target& target, T* out) const {
        return out + std::size_t(b.row(target.line, target.filter)) * b.pooling->n_out() * (p_.half() ? 1 : 2);
    }

    // Real rectified signals: averaged and transformed again column by column, where nothing else needs them.
    void rectify_columns(const Branch<T>& b, const Targets& block, T* out) {
        const Grid<T>& grid = b.grid();
        const SeparablePooling<T>* pooling = b.pooling->separable.get();
        const int n = int(block.size());
        const std::size_t count = std::size_t(n) * grid.X, row_ = grid.space_stride(n);
        const bool again = b.needs_spectrum(), keep = grid.line && pooling;
        T* columns = columns_;
        std::size_t parity = 0;
        grid.synthesise(product_, n, scratch_, [&](int z, std::size_t r, const T* filtered) {
            T* u = columns + parity * W;
            for (int y = 0; y < grid.Y; ++y) {
                const T* at = filtered + std::size_t(2) * W * y;
                L::store(u + std::size_t(2) * W * y, p_.rectifier.modulus(at, at + W));
            }
            if (keep)
                for (int y = 0; y < grid.Y; ++y) L::store(space_ + y * row_ + r, L::load(u + std::size_t(2) * W * y));
            else if (pooling)
                pooling->columns(u, 2 * W, pooled_, z, r, n);
            if (!again) return;
            const bool last = r + W >= count, both = parity == 1;
            if (both || last) {
                const std::size_t to = std::size_t(z) * grid.half * row_ + r - (both ? W : 0);
                grid.columns_of_two_blocks({columns, columns + (both ? W : 0), 2 * W},
                                           {mixed_.re + to, mixed_.im + to}, row_, both, scratch_);
            }
            parity = last ? 0 : 1 - parity;
        });
        if (again) {
            grid.rows(mixed_, product_, n, true, scratch_);
            grid.unfold(product_, spectra_[b.depth], n);
        }
        for (int i = 0; i < n; ++i) {
            T* to = row(b, block[i], out);
            if (!pooling)
                pool_spectrum(*b.pooling, spectra_[b.depth], i, n, to, false);
            else if (keep)
                pooling->line(space_, i, n, to, 1, pooled_);
            else
                pooling->finish(pooled_, i, n, to, 1);
            if (exponent_)
                for (int k = 0; k < b.pooling->n_out(); ++k) to[k] = scaled(to[k], exponent_);
        }
    }

    void rectify_complex(const Branch<T>& b, const Targets& block, T* out) {
        const int n = int(block.size());
        const Planes<T> z = filtered_[b.depth];
        synthesise_to(b.grid(), product_, z, n);
        each_number(b.grid(), n, [&](std::size_t at) {
            const C u = p_.rectifier(C(z.re[at], z.im[at]));
            z.re[at] = u.real(), z.im[at] = u.imag();
        });
        if (b.pooling->separable)
            pool(*b.pooling->separable, z, n, [&](int i) { return row(b, block[i], out); }, true);
        if (!b.needs_spectrum()) return;
        b.grid().spectra_of_complex(z, spectra_[b.depth], n, scratch_);
        if (b.pooling->low_pass)
            for (int i = 0; i < n; ++i)
                pool_spectrum(*b.pooling, spectra_[b.depth], i, n, row(b, block[i], out), true);
    }

    void synthesise_to(const Grid<T>& grid, Planes<T> spectra, Planes<T> space, int n) {
        const std::size_t row_ = grid.space_stride(n);
        grid.synthesise(spectra, n, scratch_, [&](int z, std::size_t r, const T* columns) {
            for (int y = 0; y < grid.Y; ++y) {
                const std::size_t at = (std::size_t(z) * grid.Y + y) * row_ + r;
                L::store(space.re + at, L::load(columns + std::size_t(2) * W * y));
                L::store(space.im + at, L::load(columns + std::size_t(2) * W * y + W));
            }
        });
    }

    template <class F>
    static void each_number(const Grid<T>& grid, int n, F&& each) {
        const std::size_t row_ = grid.space_stride(n), count = std::size_t(n) * grid.X;
        for (int zy = 0; zy < grid.Z * grid.Y; ++zy)
            for (std::size_t i = 0; i < count; ++i) each(zy * row_ + i);
    }

    // Separable averages of signals in memory; `to(i)` is where the outputs of signal i go.
    template <class F>
    void pool(const SeparablePooling<T>& pooling, Planes<T> space, int n, F&& to, bool complex_signal) {
        const int step = p_.half() ? 1 : 2;
        for (int part = 0; part < step; ++part) {
            const T* plane = part ? space.im : space.re;
            if (part && !complex_signal) plane = nullptr;
            if (plane && !pooling.grid.line) pooling.all_columns(plane, pooled_, n);
            for (int i = 0; i < n; ++i) {
                T* out = to(i) + part;
                if (!plane)
                    for (int k = 0; k < pooling.n_out(); ++k) out[k * step] = 0;
                else if (pooling.grid.line)
                    pooling.line(plane, i, n, out, step, pooled_);
                else
                    pooling.finish(pooled_, i, n, out, step);
            }
        }
    }

    // Averages by a filter that is no product over the axes.
    void pool_spectrum(const Pooling<T>& pooling, Planes<T> spectra, int signal, int n, T* out, bool complex_signal) {
        const Filters<T>& low_pass = *pooling.low_pass;
        const Grid<T>& grid = low_pass.target;
        const int from[1] = {signal};
        low_pass.template multiply<1>(0, spectra, from, n, product_, 0, 1);
        const Planes<T> space{pooled_, pooled_ + grid.space_size(1)};
        synthesise_to(grid, product_, space, 1);
        const int step = p_.half() ? 1 : 2;
        for (std::size_t k = 0; k < pooling.every.size(); ++k) {
            const std::size_t at = place(grid, pooling.every[k]);
            out[k * step] = space.re[at];
            if (step == 2) out[k * step + 1] = complex_signal ? space.im[at] : T(0);
        }
    }

    static std::size_t place(const Grid<T>& grid, int point) {
        return std::size_t(point / grid.X) * grid.space_stride(1) + point % grid.X;
    }

    const Program<T>& p_;
    Planes<T> product_, mixed_;
    T *columns_, *scratch_, *space_, *pooled_;
    std::vector<Planes<T>> spectra_, slopes_, filtered_, gradients_;  // of the signals of each depth
    Arena arena_;  // which the constructor makes after counting what is cut from it
    C mean_ = 0;
    T roundoff_ = 0;
    int exponent_ = 0;
    bool sound_ = true;  // whether the field was finite and too small to overflow
};

}  // namespace skmst
